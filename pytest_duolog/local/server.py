class LocalServers:
    def stop_all(self):
        pass
