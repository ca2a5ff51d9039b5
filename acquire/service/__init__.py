"""The bench in a browser: HTTP service of ``acquire serve``.

Nothing in the core knows of it. It starts runs as processes of their own, reads what they measure from their files,
and asks them through their mailboxes.
"""
