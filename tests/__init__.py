"""The tests; a package, so that its folders never stand in for the packages they test."""
