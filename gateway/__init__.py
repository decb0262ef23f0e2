"""The data plane: may this request pass? A plain package that imports no Django. Start: `python -m gateway`."""
