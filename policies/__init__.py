"""The policy pack: what must hold for every stack, checked by the engine before anything is made.

One module a concern. `rules` is what policies are declared with, `pack` the list of all, `__main__` what the engine
starts.
"""
