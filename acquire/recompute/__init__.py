"""Results of finished runs computed anew; package face, empty on purpose."""
