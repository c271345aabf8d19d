"""Editing the catalogue in the browser: find, change, be corrected, reload without loss, publish, withdraw."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser import axe, picture
from tests.city import ID_CARD_LOST, TestCity, until
from tests.console.conftest import CONSOLE, OpenConsole, new_officer

NAME = "居民身份证丢失补领"


async def stored_name(city: TestCity) -> tuple[str, int]:
    found = city.api.house.city.catalogue.get(ID_CARD_LOST)
    return found.content.name, found.number


async def kept(page: Page) -> None:
    """Waits until the draft of the item stands in the browser's own store."""
    script = "Object.keys(localStorage).some(key => key.startsWith('banshi.draft.item'))"
    await until(lambda: page.evaluate(script))


async def test_an_item_is_found_changed_and_published(city: TestCity, console: OpenConsole) -> None:
    editor = await new_officer(city, "catalogue_editor", centre=None)
    before, number = await stored_name(city)
    async with console("/catalogue", editor) as page:
        await expect(page.get_by_test_id("items").get_by_role("row")).to_have_count(51)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "catalogue")
        await page.get_by_role("button", name="加载更多").click()
        await expect(page.get_by_test_id("items").get_by_role("row")).to_have_count(101)
        await page.get_by_test_id("search-items").fill("没有这样的事项")
        await expect(page.get_by_text("没有符合条件的事项")).to_be_visible()
        await axe(page, CONSOLE)
        await page.get_by_test_id("search-items").fill(ID_CARD_LOST)
        await page.get_by_role("link", name=before).click()

        await expect(page.get_by_role("heading", level=1)).to_have_text(before)
        await expect(page.get_by_test_id("save")).to_be_disabled()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "item")
        await page.get_by_test_id("item-name").fill(before + "（换新）")
        await page.get_by_test_id("section-search").click()
        await page.get_by_test_id("lines-aliases").fill("补办身份证\n\n卡片寻不见了 \n")
        await page.keyboard.press("Alt+S")
        await expect(page.get_by_test_id("has-draft")).to_be_visible()
        assert await stored_name(city) == (before, number)

        await page.get_by_test_id("publish").click()
        differences = page.get_by_test_id("differences")
        await expect(differences).to_contain_text("卡片寻不见了")
        await expect(differences.locator("ins").first).to_have_text(before + "（换新）")
        await expect(differences.locator("del").first).to_have_text(before)
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "publish")
        await page.get_by_test_id("publish-now").click()
        await expect(page.get_by_text(f"已发布第 {number + 1} 版")).to_be_visible()
        assert await stored_name(city) == (before + "（换新）", number + 1)
        assert city.api.house.city.catalogue.get(ID_CARD_LOST).content.aliases == ["补办身份证", "卡片寻不见了"]


async def test_everything_that_is_wrong_is_told_at_once_beside_its_field(city: TestCity, console: OpenConsole) -> None:
    editor = await new_officer(city, "catalogue_editor", centre=None)
    async with console(f"/catalogue/{ID_CARD_LOST}", editor) as page:
        await page.get_by_test_id("promised").locator("input").fill("900")
        await page.get_by_test_id("section-materials").click()
        await page.get_by_test_id("add-materials").click()
        await page.get_by_test_id("section-form").click()
        await page.get_by_test_id("add-form").click()
        await picture(page, CONSOLE, "item-form")
        await page.get_by_test_id("save").click()
        faults = page.get_by_test_id("faults")
        await expect(faults.get_by_role("link")).to_have_count(3)
        await expect(faults).to_be_focused()
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "faults")
        await faults.get_by_role("link", name="申请材料").click()
        name = page.get_by_role("group", name="材料").last.get_by_role("textbox").first
        await expect(name).to_be_focused()
        await expect(page.get_by_text("不能为空").last).to_be_visible()
        await axe(page, CONSOLE)
        for section in ("legal_basis", "fees", "steps", "tasks", "conditions"):
            await page.get_by_test_id(f"section-{section}").click()
            if section == "tasks":
                await page.get_by_test_id("add-tasks").click()
            await axe(page, CONSOLE)


async def test_what_was_typed_survives_a_reload_and_can_be_given_up(city: TestCity, console: OpenConsole) -> None:
    editor = await new_officer(city, "catalogue_editor", centre=None)
    async with console(f"/catalogue/{ID_CARD_LOST}", editor) as page:
        await page.get_by_test_id("notes").fill("带上户口簿更快。")
        await kept(page)
        await page.reload()
        await expect(page.get_by_test_id("restored")).to_be_visible()
        await expect(page.get_by_test_id("notes")).to_have_value("带上户口簿更快。")
        await axe(page, CONSOLE)
        await picture(page, CONSOLE, "restored")
        await page.get_by_role("button", name="放弃这些修改").click()
        await expect(page.get_by_test_id("notes")).not_to_have_value("带上户口簿更快。")
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.get_by_test_id("restored")).to_have_count(0)


async def test_of_two_editors_the_slower_one_is_told_and_loses_nothing(city: TestCity, console: OpenConsole) -> None:
    one, other = await new_officer(city, "catalogue_editor"), await new_officer(city, "catalogue_editor")
    async with (
        console(f"/catalogue/{ID_CARD_LOST}", one) as first,
        console(f"/catalogue/{ID_CARD_LOST}", other) as second,
    ):
        await expect(second.get_by_test_id("notes")).to_be_visible()
        await first.get_by_test_id("notes").fill("第一位编辑写的。")
        await first.get_by_test_id("save").click()
        await expect(first.get_by_test_id("has-draft")).to_be_visible()
        await second.get_by_test_id("notes").fill("第二位编辑写的。")
        await second.get_by_test_id("save").click()
        await expect(second.get_by_test_id("faults")).to_contain_text("刚刚被更新")
        await expect(second.get_by_test_id("notes")).to_have_value("第二位编辑写的。")
        await second.reload()
        await expect(second.get_by_test_id("restored")).to_contain_text("此后事项已被更新")


async def test_a_withdrawn_item_is_gone_for_residents_and_can_be_published_again(
    city: TestCity, console: OpenConsole
) -> None:
    editor = await new_officer(city, "catalogue_editor", centre=None)
    code = city.api.house.city.catalogue.all()[-1].content.code
    async with console(f"/catalogue/{code}", editor) as page:
        await page.get_by_role("button", name="撤回").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_test_id("reason").fill("法规已废止")
        await dialog.get_by_test_id("reason-go").click()
        await expect(page.get_by_text("已撤回")).to_be_visible()
        answer = await city.http.get(f"{city.api.url}/api/items/{code}")
        assert answer.status_code == 404
        await page.get_by_test_id("publish").click()
        await page.get_by_test_id("publish-now").click()
        await expect(page.get_by_text("已发布", exact=True)).to_be_visible()
    assert (await city.http.get(f"{city.api.url}/api/items/{code}")).status_code == 200


async def test_a_new_item_is_made_from_nothing(city: TestCity, console: OpenConsole) -> None:
    editor = await new_officer(city, "catalogue_editor", centre=None)
    async with console("/catalogue/new", editor) as page:
        await page.get_by_test_id("item-name").fill("社区图书室借阅证办理")
        await page.get_by_label("事项编码").fill("002022999001")
        await page.get_by_label("实施部门").fill("市文化和旅游局")
        await page.get_by_test_id("section-legal_basis").click()
        await page.get_by_test_id("add-legal_basis").click()
        await page.keyboard.type("中华人民共和国公共图书馆法")
        await page.get_by_test_id("section-steps").click()
        await page.get_by_test_id("add-steps").click()
        await page.keyboard.type("受理")
        await page.get_by_test_id("save").click()
        await expect(page).to_have_url(f"{city.api.url}/console/catalogue/002022999001")
        await page.get_by_test_id("publish").click()
        await page.get_by_test_id("publish-now").click()
        await expect(page.get_by_text("已发布第 1 版")).to_be_visible()
    found = await city.http.get(f"{city.api.url}/api/items/002022999001")
    assert found.status_code == 200
    assert "社区图书室借阅证办理" in found.text
