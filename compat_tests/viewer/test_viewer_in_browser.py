"""The viewer's page in headless Chromium: sliders, lists and the mouse change the picture. Skipped without Chromium."""

import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from selenium.common.exceptions import TimeoutException

from gendr_adapters import data, load_mesh
from gendr_adapters.viewer import Viewer

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cpu_core,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver (Debian: chromium-driver)"),
]
PATIENCE = 120.0  # seconds: a slow machine draws WebGL without a GPU
OPTIONS = """
    --headless --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update
    --disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader --window-size=1100,900
"""


class Page:
    def __init__(self, driver: Any, viewer: Viewer) -> None:
        self.driver, self.viewer = driver, viewer

    def soft_picture(self) -> np.ndarray:
        """(H, W, 3), as shown; empty if there is none yet."""
        picture: np.ndarray = until(self._soft_picture)
        return picture

    def _soft_picture(self) -> np.ndarray:
        found = [x for x in self.driver.find_elements("tag name", "img") if "blob:" in (x.get_attribute("src") or "")]
        if not found:
            return np.empty((0, 0, 3))
        return np.asarray(Image.open(io.BytesIO(found[0].screenshot_as_png)).convert("RGB")).astype(int)

    def changed(self, before: np.ndarray) -> np.ndarray:
        """The picture once it is another."""

        def other() -> np.ndarray | None:
            now = self.soft_picture()
            return now if now.shape != before.shape or abs(now - before).max() > 40 else None

        return until(other)

    def slider(self, name: str) -> Any:
        label = self.driver.find_element("xpath", f"//label[.='{name}']")
        return label.find_element("xpath", "./following::*[@role='slider'][1]")

    def choose(self, name: str, option: str) -> None:
        label = self.driver.find_element("xpath", f"//label[.='{name}']")
        label.find_element("xpath", "./following::input[1]").click()
        until(lambda: self.driver.find_elements("xpath", f"//*[@role='option'][.='{option}']"))[0].click()


def until(find: Callable[[], Any]) -> Any:
    """What `find` returns once that is something."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = find()
        except TimeoutException:  # the driver waits 10 s for a page that draws: a busy machine takes longer
            found = None
        if found is not None and not (isinstance(found, list) and not found):
            return found
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for option in (*OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    mesh = load_mesh(data.path("spot.obj"))
    with Viewer(mesh, port=18200, quiet=True) as viewer:
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            driver.get(viewer.url)
            made = Page(driver, viewer)
            until(lambda: made.soft_picture().size or None)
            made.changed(np.full_like(made.soft_picture(), 255))  # until it is not blank
            yield made
        finally:
            driver.quit()


def test_softness_slider_changes_the_picture(page: Page) -> None:
    before = page.soft_picture()
    slider = page.slider("softness")
    slider.send_keys("\ue014" * 20)  # arrow to the right
    softer = page.changed(before)
    # Edges run over more pixels: fewer are as white as the backdrop.
    assert np.count_nonzero(softer.min(2) > 250) < np.count_nonzero(before.min(2) > 250)
    slider.send_keys("\ue012" * 20)
    page.changed(softer)


def test_list_of_what_is_shown_changes_the_picture(page: Page) -> None:
    before = page.soft_picture()
    page.choose("show", "alpha")
    alpha = page.changed(before)
    assert np.ptp(alpha, axis=2).max() < 30
    assert np.median(alpha) < 30 < 200 < alpha.max()
    page.choose("show", "gradient")
    gradient = page.changed(alpha)
    assert (gradient[..., 0] - gradient[..., 2]).max() > 100  # arrows
    page.choose("show", "colour")
    page.changed(gradient)


def test_dragging_the_mesh_turns_the_soft_picture(page: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    before = page.soft_picture()
    canvas = page.driver.find_element("tag name", "canvas")
    ActionChains(page.driver).drag_and_drop_by_offset(canvas, -150, 40).perform()
    page.changed(before)


def test_running_fit_is_seen(page: Page) -> None:
    before, vertices = page.soft_picture(), page.viewer._mesh.vertices.clone()
    page.viewer.update(vertices * torch.tensor([1.0, 0.4, 1.0]), gradient=vertices)
    flatter = page.changed(before)
    dark = [np.flatnonzero((picture.min(2) < 200).any(1)) for picture in (before, flatter)]
    assert np.ptp(dark[1]) < 0.8 * np.ptp(dark[0])


def test_screenshot_of_the_page(page: Page, tmp_path: Path) -> None:
    """The mesh is drawn beside the panel, not only its soft picture."""
    path = tmp_path / "page.png"
    page.driver.save_screenshot(str(path))
    scene = np.asarray(Image.open(path).convert("RGB")).astype(int)[100:, :700]
    assert np.count_nonzero(scene.min(2) < 245) > 2000
