"""The pages of recipes: the list, one recipe, its editor."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.driver.window import Part, Window


class RecipesPage(Part):
    """All recipes, and where a new one begins."""

    def __init__(self, window: Window) -> None:
        super().__init__(window, "The page of recipes", window.page.get_by_role("main"))
        window.part("The list of recipes", "#recipe-list").is_shown()

    def open(self, name: str) -> RecipePage:
        self.window.press(f"Open the recipe {name}", f"#recipe-{name}")
        return RecipePage(self.window, name)

    def new(self, name: str) -> RecipeEditor:
        with self.window.act(f"Make a new recipe {name}"):
            self.window.page.locator("#recipe-name").fill(name)
            self.window.page.locator("#new-recipe [type=submit]").click()
        return RecipeEditor(self.window)


class RecipePage(Part):
    """One recipe: what it does, its script, its difference from the bundled one."""

    def __init__(self, window: Window, name: str) -> None:
        super().__init__(window, f"The page of the recipe {name}", window.page.get_by_role("main"))
        self.recipe = name
        with window.awaited(f"The page of the recipe {name} does not come"):
            window.page.wait_for_url(f"**/recipes/{name}*")
            expect(window.page.locator("#uses")).to_be_visible()

    @property
    def difference(self) -> Part:
        return self.window.part("The difference from the bundled recipe", "#difference")

    @property
    def script(self) -> str:
        return self.window.page.locator("pre.script").text_content() or ""

    def customize(self) -> RecipeEditor:
        """Copy a bundled recipe to the local ones, to change it there."""
        self.window.press(f"Customize {self.recipe}", "form[action$='/fork'] button")
        return RecipeEditor(self.window)

    def is_bundled(self) -> RecipePage:
        with self.window.awaited(f"{self.recipe} is not the bundled recipe"):
            expect(self.window.page.locator("form[action$='/fork'] button")).to_be_visible()
        return self

    def delete(self) -> RecipeDeletionPage:
        self.window.press(f"Delete the local recipe {self.recipe}", "#delete-recipe")
        return RecipeDeletionPage(self.window, self.recipe)


class RecipeDeletionPage(Part):
    """Asks before a local recipe is deleted."""

    def __init__(self, window: Window, name: str) -> None:
        super().__init__(window, f"The page that asks before {name} is deleted", window.page.get_by_role("main"))
        self.recipe = name
        with window.awaited(f"The page that asks before {name} is deleted does not come"):
            window.page.wait_for_url(f"**/recipes/{name}/delete*")

    def confirm(self) -> RecipePage:
        self.window.press("Delete it", "form[action$='/delete'] button")
        return RecipePage(self.window, self.recipe)


class RecipeEditor:
    """The editor of a local recipe."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.findings = window.part("What the check found", "#check")

    @property
    def script(self) -> Locator:
        return self.window.page.locator("#recipe-text")

    def replace(self, old: str, new: str) -> RecipeEditor:
        """Change the script."""
        with self.window.act("Change the script"):
            self.script.fill(self.script.input_value().replace(old, new))
        return self

    def append(self, line: str) -> RecipeEditor:
        with self.window.act(f"Add the line {line!r}"):
            self.script.fill(f"{self.script.input_value()}{line}\n")
        return self

    def check(self) -> RecipeEditor:
        """Check the script without saving it."""
        self.window.press("Check the script", "button[name=do][value=check]")
        return self

    def is_refused(self) -> None:
        """The name of the new recipe cannot be used: it is marked, and no editor comes."""
        with self.window.awaited("The name is not refused"):
            expect(self.window.page.locator("#recipe-name")).to_have_attribute("aria-invalid", "true")

    def save(self) -> RecipeEditor:
        self.window.press("Save", self.window.page.get_by_role("button", name="Save", exact=True))
        with self.window.awaited("It is not saved"):
            expect(self.window.page.locator("main").get_by_role("status").first).to_contain_text("Saved")
        return self

    def leave(self, name: str) -> RecipePage:
        self.window.press("Leave the editor", self.window.page.locator(f"main a[href$='/recipes/{name}']").first)
        return RecipePage(self.window, name)
