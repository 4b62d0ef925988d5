"""Every kind of finding of ``rocksync tenant check``: what it stops, what it says and what mends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """One kind of finding. ``blocks``: something does not get to the other side; ``whole``: nothing of the tenant does.

    ``says`` is put behind the number of items it concerns, if it concerns any.
    """

    says: str
    fix: str
    blocks: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the check: ``items`` is how many it concerns, None: the tenant as such."""

    code: str
    message: str
    fix: str
    blocks: bool
    whole: bool
    items: int | None = None
    examples: tuple[str, ...] = ()


SORTS: Mapping[str, Sort] = {
    "credentials_missing": Sort(
        says="there are no credentials", fix="rocksync tenant credentials {slug}", blocks=True, whole=True
    ),
    "credentials_unreadable": Sort(
        says="the credentials cannot be opened",
        fix="set the secrets.keys they were sealed with, or rocksync tenant credentials {slug}",
        blocks=True,
        whole=True,
    ),
    "credentials_unsealed": Sort(
        says="the credentials handed in by SQL are not sealed yet",
        fix="start a worker: it seals and wipes them within seconds",
    ),
    "login_refused": Sort(
        says="Plugg.to refuses the credentials",
        fix="compare them with Plugg.to's panel, then rocksync tenant credentials {slug}",
        blocks=True,
        whole=True,
    ),
    "hub_unavailable": Sort(
        says="Plugg.to cannot be asked",
        fix="check pluggto.base_url and the network, then try again",
        blocks=True,
        whole=True,
    ),
    "clock_skew": Sort(says="this machine's clock differs from Plugg.to's", fix="let NTP set the clock"),
    "mapper_folder_missing": Sort(
        says="the folder of the mappers is missing", fix="set mappers.dir to it; without mappers, make an empty one"
    ),
    "mapper_gone": Sort(
        says="items were mapped with mappers, and now there is none: all would be sent as the store has them",
        fix="bring the file back to mappers.dir, unless it was taken away on purpose; "
        "rocksync tenant set {slug} --mapper {slug} has items set aside while it is missing",
    ),
    "mapper_unusable": Sort(
        says="a mapper cannot be used",
        fix="mend the file in mappers.dir, or rocksync tenant set {slug} --mapper …",
        blocks=True,
        whole=True,
    ),
    "mapper_complaint": Sort(
        says="a mapper complains about the settings",
        fix="rocksync tenant set {slug} --setting NAME=VALUE",
        blocks=True,
        whole=True,
    ),
    "mapper_fails": Sort(
        says="tried items fail in a mapper", fix="mend the mapper: its file and line are named", blocks=True
    ),
    "mapper_refused": Sort(
        says="tried items would do without mappers, but not with them",
        fix="mend the mapper, or the setting it goes by",
        blocks=True,
    ),
    "mapper_oversells": Sort(
        says="tried stocks are shown larger by a mapper than what the store can sell",
        fix="nothing, if the client sells before it has; else mend the mapper",
    ),
    "mapper_keeps_off": Sort(
        says="tried products are kept off Plugg.to by a mapper", fix="nothing, if that is what the client wants"
    ),
    "schedule_manual": Sort(
        says="runs only on request", fix="rocksync schedule set {slug} KIND --default, unless the client wants it so"
    ),
    "schedule_paused": Sort(says="is paused", fix="rocksync tenant resume {slug} --kind KIND"),
    "worker_missing": Sort(says="no worker runs", fix="start one: rocksync worker"),
    "triggers_off": Sort(
        says="rocksync's triggers are disabled, so that no change is noted",
        fix="ALTER TABLE … ENABLE TRIGGER USER, then rocksync sync {slug} --all-items, and so for all other tenants",
        blocks=True,
    ),
    "stock_unwritable": Sort(
        says="what orders hold is not sold again, but the view store.stock cannot show it, as these cannot be updated",
        fix="let the view be updated, by an INSTEAD OF trigger for example; if the platform reserves by itself, "
        "rocksync tenant set {slug} --setting reserve_stock=false",
    ),
    "catalogue_empty": Sort(
        says="the store has no product for sale", fix="fill store.product: there is nothing to export yet"
    ),
    "order_collision": Sort(
        says="orders at Plugg.to are in the store already under another id",
        fix="do not activate with an --orders-since before them, or set pluggto_id of those rows",
    ),
    "order_twice": Sort(
        says="orders that would be imported are in the store already under another id",
        fix="choose a later --orders-since, or set pluggto_id of those rows",
        blocks=True,
        whole=True,
    ),
    "order_unknown_sku": Sort(
        says="SKUs of recent orders at Plugg.to are not in the store",
        fix="insert them: such an order waits (unknown_sku) until the store has its SKUs",
    ),
    "sku_duplicate": Sort(
        says="SKUs are a product and a variation at once", fix="rename one of the two in the store", blocks=True
    ),
    "sku_blank": Sort(says="SKUs are blank", fix="give them a SKU in the store", blocks=True),
    "sku_padded": Sort(says="SKUs begin or end with a blank", fix="trim them in the store", blocks=True),
    "sku_unsafe": Sort(
        says="SKUs cannot be part of an address (. or .. or a control character)",
        fix="rename them in the store",
        blocks=True,
    ),
    "sku_awkward": Sort(
        says="SKUs hold a slash or a blank", fix="better rename them: not every marketplace takes them"
    ),
    "sku_case": Sort(
        says="SKUs differ from another only in case", fix="rename them: other systems may take them for one"
    ),
    "name_missing": Sort(says="products have no name", fix="fill store.product.name", blocks=True),
    "description_missing": Sort(says="products have no description", fix="fill store.product.description"),
    "brand_missing": Sort(says="products have no brand", fix="fill store.product.brand: marketplaces ask for it"),
    "category_missing": Sort(says="products have no category", fix="fill store.product.categories"),
    "category_malformed": Sort(
        says="products have a category that does not read as a path", fix="write it as Casa > Cozinha, root first"
    ),
    "photo_missing": Sort(says="products have no photo", fix="fill store.product.photos: marketplaces ask for one"),
    "photo_malformed": Sort(
        says="SKUs have a photo that is no http(s) URL", fix="correct it: Plugg.to fetches photos by URL"
    ),
    "photo_twice": Sort(says="SKUs have the same photo twice", fix="remove one: it is sent once"),
    "price_missing": Sort(says="SKUs have no price", fix="insert them into store.price", blocks=True),
    "price_zero": Sort(says="SKUs have price 0", fix="correct store.price.price", blocks=True),
    "special_above_price": Sort(
        says="SKUs have a special price above the price", fix="correct store.price.special_price", blocks=True
    ),
    "special_zero": Sort(
        says="SKUs have special price 0", fix="nothing, if no promotion is meant: 0 counts as none; else correct it"
    ),
    "stock_missing": Sort(says="SKUs have no stock row", fix="insert them into store.stock, 0 included", blocks=True),
    "stock_negative": Sort(says="SKUs have negative stock", fix="correct store.stock.on_hand: 0 is sent"),
    "stock_overreserved": Sort(
        says="SKUs have more reserved than there is", fix="correct store.stock.reserved: 0 is sent"
    ),
    "weight_missing": Sort(says="SKUs have no weight", fix="fill weight_kg: marketplaces quote no freight without it"),
    "dimensions_missing": Sort(
        says="SKUs lack height, width or length", fix="fill height_cm, width_cm and length_cm: freight needs them"
    ),
    "ean_missing": Sort(says="SKUs have no EAN", fix="fill ean: some marketplaces refuse what has none"),
    "ean_wrong": Sort(
        says="SKUs have an EAN that is none (8, 12, 13 or 14 digits with a check digit)", fix="correct ean"
    ),
    "ean_shared": Sort(says="SKUs share their EAN with another", fix="correct ean, unless both are the same article"),
    "variation_orphan": Sort(
        says="variations belong to a product that is not there",
        fix="insert the product, or correct store.variation.product_sku",
        blocks=True,
    ),
    "variation_of_inactive": Sort(
        says="variations are active, but their product is not", fix="set store.product.active, unless that is meant"
    ),
    "variation_nameless": Sort(
        says="variations have no attributes that set them apart", fix="fill store.variation.attributes"
    ),
    "variations_all_inactive": Sort(
        says="products are active, but none of their variations is", fix="nothing of them is sold: is that meant?"
    ),
    "variations_alike": Sort(
        says="products have variations with the same attributes", fix="set them apart in store.variation.attributes"
    ),
    "price_orphan": Sort(
        says="prices belong to no product or variation", fix="insert the product, or delete the price"
    ),
    "stock_orphan": Sort(
        says="stocks belong to no product or variation", fix="insert the product, or delete the stock"
    ),
    "offer_of_parent": Sort(
        says="products with variations have a price or stock of their own",
        fix="nothing: only their variations are sold",
    ),
}


def finding(
    code: str, slug: str, *, items: int | None = None, examples: Sequence[str] = (), detail: str = ""
) -> Finding:
    """Return a finding of kind *code*; *detail* is put behind what it says."""
    sort = SORTS[code]
    number = "" if items is None else f"{items} "
    shown = ", ".join(repr(each) for each in examples)
    more = ", …" if items is not None and items > len(examples) > 0 else ""
    behind = [each for each in (f"{shown}{more}", detail) if each]
    message = f"{number}{sort.says}" + "".join(f": {each}" for each in behind)
    return Finding(
        code=code,
        message=message,
        fix=sort.fix.format(slug=slug),
        blocks=sort.blocks,
        whole=sort.whole,
        items=items,
        examples=tuple(examples),
    )
