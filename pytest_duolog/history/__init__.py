"""The history of builds: what is kept of each build, the folder with it, and where something changed."""
