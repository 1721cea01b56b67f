"""The transcript, its Markdown and JSON, readers of chat logs, and the chat history that each speaker's model sees."""
