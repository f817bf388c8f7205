"""The terminal's brain: what happened goes in with its time, what to do comes out. No clock, no socket, no chance.

Values are plain JSON on purpose: `sdk/vectors` holds scripts of them, which every SDK has to pass in its language.
"""
