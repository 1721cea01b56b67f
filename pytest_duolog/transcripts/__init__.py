"""What was said: the transcript, its Markdown and JSON, readers of chat logs, and how each speaker sees a dialogue."""
