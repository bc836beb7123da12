"""Line plots as SVG, with the standard library only: panels side by side over one logarithmic axis."""

import math
from html import escape

WIDTH, HEIGHT = 460, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 78, 58
INK, SOFT, GRID = "#1f2933", "#52606d", "#e4e7eb"
COLOURS = ["#1d6fb8", "#d9730d", "#2f8f5b", "#8a4fbf", "#b83280"]


def nice_step(most):
    """A step of 1, 2 or 5 times a power of ten that divides the axis into four to eight."""
    rough = most / 5
    power = 10 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)


def plain(value):
    """1000000 as 10⁶, 1500 as 1,500."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if value >= 10_000 and math.isclose(value, 10**exponent):
        return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(exponent))
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def text(x, y, words, size=12, anchor="middle", colour=SOFT, weight="normal", turn=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" '
            f'font-weight="{weight}"{turn}>{escape(words)}</text>')


def panel(left, title, x_title, x_values, y_title, series, limit):
    """`series`: name, and a (median, least, most) for each of `x_values`. The y axis starts at 0."""
    out = [text(left + LEFT, TOP - 14, title, 13, "start", INK, "600")]
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    highest = max([most for _, points in series for _, _, most in points] + ([limit[1]] if limit else []))
    step = nice_step(highest * 1.05)
    top = math.ceil(highest * 1.05 / step) * step
    low, high = math.log10(x_values[0]), math.log10(x_values[-1])
    at_x = lambda value: left + LEFT + 10 + (math.log10(value) - low) / (high - low) * (width - 20)
    at_y = lambda value: TOP + height * (1 - value / top)
    for number in range(round(top / step) + 1):
        y = at_y(number * step)
        out.append(f'<line x1="{left + LEFT}" y1="{y:.1f}" x2="{left + LEFT + width}" y2="{y:.1f}" stroke="{GRID}"/>')
        out.append(text(left + LEFT - 8, y + 4, plain(number * step), 11, "end"))
    for value in x_values:
        x = at_x(value)
        out.append(f'<line x1="{x:.1f}" y1="{TOP + height}" x2="{x:.1f}" y2="{TOP + height + 5}" stroke="{SOFT}"/>')
        out.append(text(x, TOP + height + 19, plain(value), 11))
    out.append(f'<line x1="{left + LEFT}" y1="{TOP + height}" x2="{left + LEFT + width}" y2="{TOP + height}" stroke="{SOFT}"/>')
    out.append(text(left + LEFT + width / 2, HEIGHT - 16, x_title))
    middle = TOP + height / 2
    out.append(text(left + 16, middle, y_title, turn=f' transform="rotate(-90 {left + 16} {middle:.1f})"'))
    if limit:
        y = at_y(limit[1])
        out.append(f'<line x1="{left + LEFT}" y1="{y:.1f}" x2="{left + LEFT + width}" y2="{y:.1f}" stroke="{SOFT}" '
                   'stroke-dasharray="5 4"/>')
        out.append(text(left + LEFT + width - 2, y - 5, limit[0], 11, "end"))
    for (_, points), colour in zip(series, COLOURS):
        line = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, (y, _, _) in zip(x_values, points))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, (y, least, most) in zip(x_values, points):
            x = at_x(x)
            out.append(f'<line x1="{x:.1f}" y1="{at_y(least):.1f}" x2="{x:.1f}" y2="{at_y(most):.1f}" stroke="{colour}" '
                       'stroke-opacity="0.45" stroke-width="5"/>')
            out.append(f'<circle cx="{x:.1f}" cy="{at_y(y):.1f}" r="3.2" fill="{colour}"/>')
    return out


def figure(title, x_title, x_values, panels):
    """`panels`: (title, y title, series, limit or None); all have the same series names, which make one legend."""
    width = WIDTH * len(panels)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        'font-family="Inter, Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 26, title, 16, "start", INK, "600"),
    ]
    x = width - RIGHT
    for number, (name, _) in reversed(list(enumerate(panels[0][2]))):
        x -= 7 * len(name) + 8
        out.append(text(x, 26, name, 12, "start", INK))
        out.append(f'<line x1="{x - 28}" y1="22" x2="{x - 8}" y2="22" stroke="{COLOURS[number]}" stroke-width="3"/>')
        x -= 48
    for number, (name, y_title, series, limit) in enumerate(panels):
        out += panel(number * WIDTH, name, x_title, x_values, y_title, series, limit)
    return "\n".join(out) + "\n</svg>\n"
