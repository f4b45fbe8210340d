"""The face of the system: REST, live portfolio websockets and the web app, over accounts, prices and coins."""
