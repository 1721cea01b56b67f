"""What a dialogue is about, message by message; read by the properties, and by nothing below them."""
