"""The methods of visual words, one file each: parameters, what they are fitted on, how a photo is encoded and scored.

Importing them imports no implementation. `words.kinds` lists them.
"""
