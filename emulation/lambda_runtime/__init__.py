"""The emulated AWS's functions as real code in real processes: what Lambda does around a handler, done here."""
