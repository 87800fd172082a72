"""The routes of the API, one file per family. Each offers `routes(hub)`."""
