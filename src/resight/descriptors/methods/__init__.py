"""The methods of descriptors, one file each: parameters, what they are fitted on, how a photo is encoded.

Importing them imports no implementation. `descriptors.kinds` lists them.
"""
