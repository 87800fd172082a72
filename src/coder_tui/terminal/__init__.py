"""The terminal emulator behind one small interface, and keys and mouse to bytes. No Textual."""
