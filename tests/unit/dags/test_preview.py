from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanhub_reconstruction.preview import draw_preview, find_display_window


def test_draw_preview_gives_a_grey_png_over_the_whole_range() -> None:
    image = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(64, 48)

    with Image.open(io.BytesIO(draw_preview(image))) as png:
        grey = np.asarray(png)
        assert (png.format, png.mode, png.size) == ("PNG", "L", (48, 64))

    assert (grey.min(), grey.max()) == (0, 255)


def test_draw_preview_is_not_darkened_by_one_bright_pixel() -> None:
    image = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    image[0, 0] = 1000

    with Image.open(io.BytesIO(draw_preview(image))) as png:
        assert np.asarray(png).mean() == pytest.approx(127, abs=3)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_find_display_window_is_never_empty(value: float) -> None:
    lower, upper = find_display_window(np.full((4, 4), value, np.float32))

    assert lower < upper
