"""A view is shown when all of it is there: what the desk says while it opens neither breaks nor gets lost."""

import asyncio

from canned_desk import document
from console_pilot import main_of, opened

from db.home import Home


async def test_a_plan_that_changes_while_its_view_opens_is_shown_in_it(home: Home) -> None:
    async with opened(home) as deck:
        main = main_of(deck.app)

        async def opening() -> None:
            with deck.app._context():
                await main.action_view("plan")

        task = asyncio.create_task(opening())
        looks = 0
        while not task.done():
            looks += 1
            with deck.app._context():
                main.plans.show_document(document("selling", "step", looks % 2))
                if deck.app.seen is not None:
                    main.show(deck.app.seen)
            await asyncio.sleep(0)
        await task
        main.plans.show_document(document("selling", "step", 1))
        await deck.pilot.pause()
        assert looks > 1
        assert "1 of 5 done" in deck.shown()
