"""Line buffer, filter and search for logs. No Textual."""
