"""One file per family of verbs; everything else is imported lazily."""
