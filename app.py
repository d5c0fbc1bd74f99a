"""The WSGI application, `app:app`. Run as a program it starts the whole local stack; `app.py stop` ends it."""

if __name__ == "__main__":
    import sys

    from ballast.local.command import main

    sys.exit(main(sys.argv[1:]))
else:
    from ballast import create_app

    app = create_app()
