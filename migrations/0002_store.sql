-- The store: what the platform keeps and the worker reads; orders are what the worker writes.
-- No foreign key between catalogue tables: the platform loads them in any order, in bulk. Upper bounds of numerics keep
-- infinity and NaN out, which Postgres sorts above every number.

CREATE SCHEMA IF NOT EXISTS store;

CREATE TABLE store.product (
    tenant_id         bigint NOT NULL,
    sku               text NOT NULL CONSTRAINT product_sku_is_not_empty CHECK (sku <> ''),
    name              text,
    description       text,
    short_description text,
    brand             text,
    model             text,
    ean               text,
    categories        text[] NOT NULL DEFAULT '{}',
    weight_kg         numeric CONSTRAINT product_weight_is_not_negative CHECK (weight_kg >= 0 AND weight_kg < 'infinity'),
    height_cm         numeric CONSTRAINT product_height_is_not_negative CHECK (height_cm >= 0 AND height_cm < 'infinity'),
    width_cm          numeric CONSTRAINT product_width_is_not_negative CHECK (width_cm >= 0 AND width_cm < 'infinity'),
    length_cm         numeric CONSTRAINT product_length_is_not_negative CHECK (length_cm >= 0 AND length_cm < 'infinity'),
    attributes        jsonb NOT NULL DEFAULT '{}'
                      CONSTRAINT product_attributes_is_an_object CHECK (jsonb_typeof(attributes) = 'object'),
    photos            text[] NOT NULL DEFAULT '{}',
    link              text,
    active            boolean NOT NULL DEFAULT true,
    external_id       text,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sku)
);
COMMENT ON TABLE store.product IS 'A simple product, or the parent of variations. A simple product''s own SKU carries price and stock.';
COMMENT ON COLUMN store.product.sku IS 'The parent SKU; text, kept exactly: leading zeros, case and accents count.';
COMMENT ON COLUMN store.product.description IS 'HTML.';
COMMENT ON COLUMN store.product.categories IS 'Full paths, root first, levels parted by " > ": Casa > Cozinha.';
COMMENT ON COLUMN store.product.weight_kg IS 'Kilograms, packed.';
COMMENT ON COLUMN store.product.height_cm IS 'Centimetres, packed.';
COMMENT ON COLUMN store.product.width_cm IS 'Centimetres, packed.';
COMMENT ON COLUMN store.product.length_cm IS 'Centimetres, packed.';
COMMENT ON COLUMN store.product.attributes IS 'Label to value: {"Voltagem": "220V"}.';
COMMENT ON COLUMN store.product.photos IS 'URLs, the first is the main one.';
COMMENT ON COLUMN store.product.link IS 'URL of the product page.';
COMMENT ON COLUMN store.product.active IS 'False: not for sale; Plugg.to gets stock 0 and available 0.';
COMMENT ON COLUMN store.product.external_id IS 'The platform''s own id.';
COMMENT ON COLUMN store.product.updated_at IS 'For people: nothing is found by it, and a change of it alone is no change.';

CREATE TABLE store.variation (
    tenant_id   bigint NOT NULL,
    sku         text NOT NULL CONSTRAINT variation_sku_is_not_empty CHECK (sku <> ''),
    product_sku text NOT NULL CONSTRAINT variation_product_sku_is_not_empty CHECK (product_sku <> ''),
    name        text,
    ean         text,
    attributes  jsonb NOT NULL DEFAULT '{}'
                CONSTRAINT variation_attributes_is_an_object CHECK (jsonb_typeof(attributes) = 'object'),
    photos      text[] NOT NULL DEFAULT '{}',
    weight_kg   numeric CONSTRAINT variation_weight_is_not_negative CHECK (weight_kg >= 0 AND weight_kg < 'infinity'),
    height_cm   numeric CONSTRAINT variation_height_is_not_negative CHECK (height_cm >= 0 AND height_cm < 'infinity'),
    width_cm    numeric CONSTRAINT variation_width_is_not_negative CHECK (width_cm >= 0 AND width_cm < 'infinity'),
    length_cm   numeric CONSTRAINT variation_length_is_not_negative CHECK (length_cm >= 0 AND length_cm < 'infinity'),
    active      boolean NOT NULL DEFAULT true,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sku)
);
CREATE INDEX variation_product ON store.variation (tenant_id, product_sku);
COMMENT ON TABLE store.variation IS 'One sellable variation of a product: its SKU carries price and stock.';
COMMENT ON COLUMN store.variation.product_sku IS 'SKU of the product it belongs to.';
COMMENT ON COLUMN store.variation.attributes IS 'What sets it apart, label to value: {"Cor": "Azul", "Tamanho": "P"}.';
COMMENT ON COLUMN store.variation.weight_kg IS 'Kilograms; null: as the product.';
COMMENT ON COLUMN store.variation.height_cm IS 'Centimetres; null: as the product.';
COMMENT ON COLUMN store.variation.width_cm IS 'Centimetres; null: as the product.';
COMMENT ON COLUMN store.variation.length_cm IS 'Centimetres; null: as the product.';

CREATE TABLE store.price (
    tenant_id     bigint NOT NULL,
    sku           text NOT NULL CONSTRAINT price_sku_is_not_empty CHECK (sku <> ''),
    price         numeric NOT NULL CONSTRAINT price_is_not_negative CHECK (price >= 0 AND price < 'infinity'),
    special_price numeric CONSTRAINT special_price_is_not_negative CHECK (special_price >= 0 AND special_price < 'infinity'),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sku)
);
COMMENT ON COLUMN store.price.price IS 'List price, BRL.';
COMMENT ON COLUMN store.price.special_price IS 'Promotional price actually charged, BRL; null: no promotion.';

CREATE TABLE store.stock (
    tenant_id  bigint NOT NULL,
    sku        text NOT NULL CONSTRAINT stock_sku_is_not_empty CHECK (sku <> ''),
    on_hand    integer NOT NULL,
    reserved   integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sku)
) WITH (fillfactor = 80);
COMMENT ON TABLE store.stock IS 'Sellable is greatest(on_hand - reserved, 0).';
COMMENT ON COLUMN store.stock.on_hand IS 'Units in the store; may be negative where more was sold than there was.';
COMMENT ON COLUMN store.stock.reserved IS 'Units of pending and approved orders.';

CREATE TABLE store.sales_order (
    tenant_id     bigint NOT NULL,
    id            bigint GENERATED BY DEFAULT AS IDENTITY,
    pluggto_id    text,
    channel       text,
    channel_order text,
    status        text NOT NULL
                  CONSTRAINT sales_order_status_is_known
                  CHECK (status IN ('pending', 'approved', 'invoiced', 'shipped', 'delivered', 'canceled')),
    customer      jsonb NOT NULL DEFAULT '{}',
    delivery      jsonb NOT NULL DEFAULT '{}',
    payments      jsonb NOT NULL DEFAULT '[]',
    subtotal      numeric,
    shipping      numeric,
    discount      numeric,
    total         numeric NOT NULL,
    placed_at     timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    raw           jsonb,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT sales_order_is_imported_once UNIQUE (tenant_id, pluggto_id)
);
COMMENT ON COLUMN store.sales_order.pluggto_id IS 'Plugg.to''s id (24 hex digits); null for the store''s own orders.';
COMMENT ON COLUMN store.sales_order.channel IS 'The marketplace, as Plugg.to names it.';
COMMENT ON COLUMN store.sales_order.channel_order IS 'The marketplace''s own order number.';
COMMENT ON COLUMN store.sales_order.customer IS 'name, document (digits), email, phone, where known.';
COMMENT ON COLUMN store.sales_order.delivery IS 'name, street, number, complement, district, city, state (two letters), zip (digits), country, where known.';
COMMENT ON COLUMN store.sales_order.total IS 'BRL, as Plugg.to says; never worked out.';
COMMENT ON COLUMN store.sales_order.placed_at IS 'When the buyer placed it.';
COMMENT ON COLUMN store.sales_order.raw IS 'As Plugg.to sent it.';

CREATE TABLE store.sales_order_item (
    tenant_id  bigint NOT NULL,
    order_id   bigint NOT NULL,
    line       integer NOT NULL CHECK (line > 0),
    sku        text NOT NULL CHECK (sku <> ''),
    name       text,
    quantity   integer NOT NULL CONSTRAINT sales_order_item_quantity_is_positive CHECK (quantity > 0),
    unit_price numeric NOT NULL,
    discount   numeric NOT NULL DEFAULT 0,
    total      numeric NOT NULL,
    PRIMARY KEY (tenant_id, order_id, line),
    FOREIGN KEY (tenant_id, order_id) REFERENCES store.sales_order ON DELETE CASCADE
);

CREATE TABLE store.invoice (
    tenant_id bigint NOT NULL,
    order_id  bigint NOT NULL,
    key       text NOT NULL,
    number    text NOT NULL,
    series    text NOT NULL,
    issued_at timestamptz NOT NULL,
    xml_url   text,
    cfops     text,
    PRIMARY KEY (tenant_id, order_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES store.sales_order ON DELETE CASCADE
);
COMMENT ON TABLE store.invoice IS 'The NF-e of an order; it is checked before it is sent (invalid_invoice), not when it is written.';
COMMENT ON COLUMN store.invoice.key IS 'Access key, 44 digits, the last one a check digit.';
COMMENT ON COLUMN store.invoice.xml_url IS 'Where the XML can be fetched; Plugg.to downloads it.';
COMMENT ON COLUMN store.invoice.cfops IS 'CFOP codes parted by commas: 5102,6102.';

CREATE TABLE store.shipment (
    tenant_id     bigint NOT NULL,
    order_id      bigint NOT NULL,
    carrier       text,
    method        text,
    tracking_code text,
    tracking_url  text,
    shipped_at    timestamptz,
    delivered_at  timestamptz,
    PRIMARY KEY (tenant_id, order_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES store.sales_order ON DELETE CASCADE
);
COMMENT ON TABLE store.shipment IS 'How an order travels; the row makes the order shipped, delivered_at delivered.';
