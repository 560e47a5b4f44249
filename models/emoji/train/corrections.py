"""Which attributes a caption corrects: those that it states twice, the later time right."""
import re

# What a phrase between commas says; the first that fits counts. The thing, with or without a companion, comes first.
PHRASES = [
    ("style", r".* style"),
    ("background", r"on a .*background.*"),
    ("size", r"large|medium|small"),
    ("position", r"in the centre|on the left|on the right|at the top|at the bottom"),
    ("turn", r"upright|upside down|tilted (left|right)"),
    ("mirrored", r"(not )?mirrored"),
    ("treatment", r"in colour|greyscale|sepia|negative|pixelated|blurred|tinted .*"),
    ("frame", r"framed in .*|without a frame"),
    ("tone", r".* skin"),
    ("shadow", r"with(out)? a shadow"),
    ("beside", r"alone|beside an? .*"),
    ("thing", r"an? .*"),
]


def corrected(caption):
    """{"thing", "frame"} of “a dog, flat style, on a teal background, framed in red, a cat, without a frame”."""
    first, *others = caption.split(", ")
    said = [next(name for name, pattern in PHRASES if re.fullmatch(pattern, phrase)) for phrase in others]
    # Thing and companion are stated together, so what follows of them is a correction.
    return {name for name in said if said.count(name) > 1 or name in ("thing", "beside")}
