"""Shades of one colour that can be read: what the accent of the interface is made of. PURE.

The colour gives hue and strength; how light each shade is, is ours, and is corrected until the contrast that WCAG 2.2 asks
for is there on both grounds. Lightness, strength and hue are those of OKLCH (Björn Ottosson, "A perceptual color space for
image processing", 2020).
"""

import math
import re
from dataclasses import dataclass

_HEX = re.compile(r"#?([0-9a-fA-F]{6})\Z")
OWN_STRENGTH = 0.085
"""How strong our own accent is; a colour twice as strong makes shades twice as strong, within what screens show."""

Linear = tuple[float, float, float]


class ColourError(ValueError):
    """A text that is no colour."""


@dataclass(frozen=True, slots=True)
class Shade:
    """How light and strong a shade begins, and on which other lightness it must be read, at what contrast."""

    lightness: float
    strength: float
    against: float
    contrast: float = 4.5


PAPER, NIGHT = 1.0, 0.225
"""Lightness of the white page and of the lightest dark ground on which the accent is text."""

SHADES = {
    100: Shade(0.96, 0.018, 0.40, 7),
    300: Shade(0.80, 0.1, NIGHT, 7),
    400: Shade(0.73, 0.105, NIGHT),
    500: Shade(0.60, 0.095, PAPER),
    550: Shade(0.51, 0.085, PAPER),
    600: Shade(0.46, 0.08, PAPER, 5.5),
    700: Shade(0.40, 0.07, PAPER, 7),
    900: Shade(0.27, 0.03, 0.80, 5.5),
}


def shades(text: str) -> dict[int, str]:
    """Return the shades of a colour written `#rrggbb`, each as such a text. Raises ColourError."""
    _, strength, hue = to_oklch(read(text))  # a pale and a dark colour of one hue give the same shades
    factor = min(2.0, strength / OWN_STRENGTH)
    return {step: write(_readable(shade, shade.strength * factor, hue)) for step, shade in SHADES.items()}


def _readable(shade: Shade, strength: float, hue: float) -> Linear:
    """Move the lightness away from the other one until the contrast is there."""
    other = from_oklch(shade.against, 0, 0)
    away = 0.005 if shade.lightness > shade.against else -0.005
    lightness = shade.lightness
    while 0 < lightness < 1 and contrast(within_screen(lightness, strength, hue), other) < shade.contrast:
        lightness += away
    return within_screen(min(1.0, max(0.0, lightness)), strength, hue)


def read(text: str) -> Linear:
    """Return the linear light of a colour written `#rrggbb`. Raises ColourError."""
    found = _HEX.match(text.strip())
    if not found:
        raise ColourError(f"“{text}” is no colour: write it like #0a5bd8.")
    parts = [int(found[1][index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def write(light: Linear) -> str:
    """Return `#rrggbb`."""
    parts = (
        part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
        for part in (min(1.0, max(0.0, part)) for part in light)
    )
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def contrast(one: Linear, other: Linear) -> float:
    """Return the contrast of WCAG, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(light: Linear) -> float:
    red, green, blue = (min(1.0, max(0.0, part)) for part in light)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def to_oklch(light: Linear) -> tuple[float, float, float]:
    """Return lightness, strength and hue in degrees."""
    red, green, blue = light
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def from_oklch(lightness: float, strength: float, hue: float) -> Linear:
    """Return linear light, outside 0 to 1 where no screen shows it."""
    a, b = strength * math.cos(math.radians(hue)), strength * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def within_screen(lightness: float, strength: float, hue: float) -> Linear:
    """Return linear light as strong as a screen can show it at this lightness."""
    while strength > 0.001 and not all(-0.0005 <= part <= 1.0005 for part in from_oklch(lightness, strength, hue)):
        strength *= 0.95
    return from_oklch(lightness, strength if strength > 0.001 else 0, hue)
