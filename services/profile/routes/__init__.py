"""The HTTP and websocket routes, with their schemas, dependencies and error answers."""
