"""What a message holds: its MIME parts, its texts, its dates and its place in a thread; values, no protocol."""
