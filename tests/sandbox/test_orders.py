import pytest

from rocksync.sandbox.profile import parse_profile

INVOICE = {
    "nfe_key": "35240711222333000181550010000000121000000129",
    "nfe_number": "12",
    "nfe_serie": "1",
    "nfe_date": "2024-07-15T18:07:07.000Z",
    "nfe_link": "https://nfe.example/1.xml",
    "cfops": "5102,6102",
}
TRACKING = {"shipping_company": "Correios", "track_code": "QC123456729BR", "date_shipped": "2024-07-17T18:14:00.000Z"}
PLACED = {
    "channel": "Pluggto",
    "original_id": "2949334455-A",
    "external": "2949334455-A",
    "status": "pending",
    "total": 18,
    "total_paid": "18",
    "payments": [{"payment_type": "credit", "payment_installments": 3, "payment_total": 18}],
    "items": [{"sku": "A", "quantity": 1, "price": 7.79, "total": 7.79, "name": "x"}],
}


@pytest.fixture
def market(hub):
    return hub.market(129)


async def test_an_order_can_be_posted_and_read(hub, call):
    posted = await call("POST", "/orders", PLACED)
    order = posted.body["Order"]

    got = await call("GET", f"/orders/{order['id']}")

    assert posted.status == 201
    assert got.body == posted.body
    assert (order["status"], order["total"], order["total_paid"]) == ("pending", 18, "18")
    assert order["payments"][0]["payment_installments"] == "3"
    assert order["items"][0]["variation"]["sku"] is None
    assert order["receiver_name"] is None
    assert isinstance(order["order_id"], int)


async def test_an_order_is_not_posted_twice(call):
    first = await call("POST", "/orders", PLACED)
    second = await call("POST", "/orders", PLACED)

    assert (first.status, second.status) == (201, 400)
    assert "errmsg" in second.body["details"]


async def test_the_marketplace_shows_a_variation_under_its_parent(call, market):
    await call("POST", "/products", {"sku": "PAI", "variations": [{"sku": "PAI-P", "name": "P", "price": 5}]})

    order = market.create_order([{"sku": "PAI-P", "quantity": 2}, {"sku": "NEW", "price": 3}])

    line, unknown = order["items"]
    assert (line["sku"], line["variation"]["sku"], line["original_sku"], line["total"]) == ("PAI", "PAI-P", "PAI-P", 10)
    assert (unknown["sku"], unknown["variation"]["sku"]) == ("NEW", None)
    assert order["receiver_email"].endswith("@exemplo.invalid")


async def test_external_and_ack_are_bound_to_the_order(hub, call, market):
    order_id = market.create_order([{"sku": "A"}])["id"]

    bound = await call("PUT", f"/orders/{order_id}", {"external": "ERP-1", "update": False, "ack": True})
    again = await call("PUT", f"/orders/{order_id}", {"external": "ERP-1", "update": False, "ack": True})
    mapped = await call("GET", f"/orders/{order_id}?showExternal=true")

    assert (bound.body["Order"]["external"], bound.body["Order"]["ack"]) == ("ERP-1", True)
    assert (again.status, again.body["type"], again.body["details"]) == (
        400,
        "not_updated",
        "Changes not found in the order",
    )
    assert mapped.body["Order"]["external"]["client-129"] == "ERP-1"
    assert "update" not in bound.body["Order"]


async def test_a_change_moves_modified_and_is_remembered(hub, call, market):
    order = market.create_order([{"sku": "A"}], status="pending")
    created = order["modified"]
    hub.advance(60)

    market.approve(order["id"])
    shown = (await call("GET", f"/orders/{order['id']}")).body["Order"]

    assert shown["modified"] > created
    assert [row["status"] for row in shown["status_history"]] == ["pending", "approved"]


async def test_any_status_is_stored_even_backwards(call, market):
    order_id = market.create_order([{"sku": "A"}], status="delivered")["id"]

    answers = [await call("PUT", f"/orders/{order_id}", {"status": status}) for status in ("pending", "quantum")]

    assert [answer.body["Order"]["status"] for answer in answers] == ["pending", "quantum"]


async def test_an_invoice_goes_into_the_shipment_whose_id_is_given(call, market):
    order = market.create_order([{"sku": "A"}], shipment=True)
    shipment_id = order["shipments"][0]["id"]

    answer = await call(
        "PUT", f"/orders/{order['id']}", {"status": "invoiced", "shipments": [{"id": shipment_id, **INVOICE}]}
    )

    shipments = answer.body["Order"]["shipments"]
    assert [row["id"] for row in shipments] == [shipment_id]
    assert (shipments[0]["nfe_number"], shipments[0]["shipping_company"]) == ("12", "Correios")


async def test_an_invoice_key_may_have_the_letters_of_a_cnpj(call, market):
    order_id = market.create_order([{"sku": "A"}])["id"]
    key = "35260712ABC34501DE35550010000000121000000123"

    answer = await call(
        "PUT", f"/orders/{order_id}", {"status": "invoiced", "shipments": [{**INVOICE, "nfe_key": key}]}
    )

    assert answer.body["Order"]["shipments"][0]["nfe_key"] == key


async def test_a_shipment_without_its_id_becomes_a_second_one(call, market):
    order_id = market.create_order([{"sku": "A"}])["id"]

    first = await call("PUT", f"/orders/{order_id}", {"status": "invoiced", "shipments": [INVOICE]})
    second = await call("PUT", f"/orders/{order_id}", {"status": "shipping_informed", "shipments": [TRACKING]})

    assert len(first.body["Order"]["shipments"]) == 1
    assert len(second.body["Order"]["shipments"]) == 2


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"shipments": [{"id": "60c76e2c6c2d0b7c3fb20064"}]}, "shipments.id"),
        ({"shipments": [{"nfe_number": 12}]}, "shipments[0].nfe_number: must be a string"),
        ({"shipments": [{"nfe_key": "3524-0711"}]}, "shipments[0].nfe_key: must hold digits only"),
        ({"shipments": [{"nfe_link": ""}]}, "shipments[0].nfe_link: must not be empty"),
        ({"shipments": [{"track_url": None}]}, "shipments[0].track_url: must not be null"),
        ({"shipments": [{"tracking_code": "x"}]}, "shipments[0].tracking_code: unknown member"),
        ({"shipments": [{"date_shipped": "yesterday"}]}, "shipments[0].date_shipped: must be an ISO date"),
        ({"status": None}, "status: must not be null"),
        ({"ack": "true"}, "ack: must be true or false"),
        ({"created": "2024-01-01"}, "created: unknown member"),
    ],
)
async def test_a_strict_hub_refuses_a_wrong_order_member(call, market, body, member):
    order = market.create_order([{"sku": "A"}])
    before = str(order)

    answer = await call("PUT", f"/orders/{order['id']}", body)

    assert answer.status == 400
    assert answer.body["details"].startswith(member)
    assert str(order) == before


async def test_log_messages_are_appended(call, market):
    order_id = market.create_order([{"sku": "A"}])["id"]
    message = {"message": "SKU não encontrado", "date": "2024-07-15T12:05:00+00:00"}

    await call("PUT", f"/orders/{order_id}", {"log_history": [message]})
    answer = await call("PUT", f"/orders/{order_id}", {"log_history": [message]})

    assert answer.body["Order"]["log_history"] == [message, message]


async def test_a_delivery_reaches_every_shipment(market):
    order = market.create_order([{"sku": "A"}], shipment=True)

    delivered = market.deliver(order["id"])

    assert (delivered["status"], delivered["shipments"][0]["status"]) == ("delivered", "delivered")


async def test_invoices_and_labels_speak_of_the_orders(call, market):
    order = market.create_order([{"sku": "A"}], shipment=True)
    shipment = {
        "id": order["shipments"][0]["id"],
        **INVOICE,
        "documents": [{"url": "https://x/1.xml", "type": "invoice"}],
    }
    await call("PUT", f"/orders/{order['id']}", {"shipments": [shipment]})

    invoices = await call("GET", "/invoices")
    labels = await call("GET", f"/labels?orders={order['id']}")

    assert invoices.body["result"][0]["Invoice"]["number"] == "12"
    assert invoices.body["result"][0]["Invoice"]["files"][0]["type"] == "xml_authorization"
    assert len(labels.body["urls"]) == 1


@pytest.mark.parametrize(
    "path", ["/orders/60c76e2c6c2d0b7c3fb20064", "/nothing", "/orders/x/y", "/", "/skus", "/messages"]
)
async def test_what_does_not_exist_is_404_in_the_envelope(call, path):
    answer = await call("GET", path)

    assert (answer.status, answer.body["error"], answer.body["type"]) == (404, True, "not_found")


async def test_orders_cannot_be_deleted(call, market):
    assert (await call("DELETE", f"/orders/{market.create_order([])['id']}")).status == 404


async def test_a_hub_may_show_external_as_a_map_without_being_asked(hub, call, market):
    hub.profile = parse_profile("strict+external_maps")
    market.create_order([{"sku": "A"}])

    rows = (await call("GET", "/orders")).body["result"]

    assert isinstance(rows[0]["Order"]["external"], dict)
