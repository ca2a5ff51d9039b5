import warnings

# Importing colour-science without its optional dependencies (SciPy, Matplotlib) warns; nothing here needs them.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour  # noqa: F401
