"""The wire contract of Coder as pydantic types and pure codecs. No I/O; both speakers use it."""
