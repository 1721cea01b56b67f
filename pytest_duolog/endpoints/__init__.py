"""Where models answer: one module a protocol, messages in, reply out."""
