"""The side that runs in the server's own environment: started as `python inside`, never imported.

It can't import `firstfault`, nor be imported by it: `argilla_server` needs other versions of what we use.
Its modules find each other by their bare names, since this folder is the first on the path.
"""
