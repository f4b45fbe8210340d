"""The built web app, served."""
