"""The one vocabulary of why an item, a pass or a tenant is where it is, with what each word means and what helps.

``docs/reasons.md`` and ``docs/motivos.pt-BR.md`` are made of this table: ``make docs``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A reason code, as stored in ``rocksync.item.reason``, logged, counted and explained."""

    IN_SYNC = "in_sync"
    PENDING = "pending"
    INACTIVE = "inactive"
    NOT_SELECTED = "not_selected"
    MISSING_PRICE = "missing_price"
    MISSING_STOCK = "missing_stock"
    INVALID_ITEM = "invalid_item"
    UNKNOWN_SKU = "unknown_sku"
    SKU_CONFLICT = "sku_conflict"
    REJECTED = "rejected"
    MAPPER_ERROR = "mapper_error"
    MAPPER_TIMEOUT = "mapper_timeout"
    INVALID_INVOICE = "invalid_invoice"
    AMBIGUOUS_SHIPMENT = "ambiguous_shipment"
    STATUS_CONFLICT = "status_conflict"
    HUB_UNAVAILABLE = "hub_unavailable"
    RATE_LIMITED = "rate_limited"
    TENANT_PAUSED = "tenant_paused"
    KIND_MANUAL = "kind_manual"
    NEEDS_CREDENTIALS = "needs_credentials"
    UNCONFIRMED = "unconfirmed"


POSTPONED = frozenset({Reason.PENDING, Reason.HUB_UNAVAILABLE, Reason.RATE_LIMITED, Reason.UNCONFIRMED})
"""Reasons for which an item waits though nobody refused it."""
BY_MAPPER = frozenset({Reason.MAPPER_ERROR, Reason.MAPPER_TIMEOUT})
"""Reasons that are a mapper's fault."""


class Actor(StrEnum):
    """Who must act so that a reason goes away."""

    NOBODY = "nobody"
    STORE = "store"
    OPERATOR = "operator"
    MAPPER_AUTHOR = "mapper author"
    HUB = "Plugg.to"


ACTORS_PT: Mapping[Actor, str] = {
    Actor.NOBODY: "ninguém",
    Actor.STORE: "loja",
    Actor.OPERATOR: "operador",
    Actor.MAPPER_AUTHOR: "autor do mapper",
    Actor.HUB: "Plugg.to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What a reason means, what helps, and who must act; in English and in Portuguese (``_pt``)."""

    meaning: str
    fix: str
    who: Actor
    meaning_pt: str
    fix_pt: str


GUIDANCE: Mapping[Reason, Guidance] = {
    Reason.IN_SYNC: Guidance(
        meaning="Plugg.to holds what the store says.",
        fix="Nothing to do. If the panel shows something else, read its live value in `rocksync explain`.",
        who=Actor.NOBODY,
        meaning_pt="A Plugg.to tem o que a loja informa.",
        fix_pt="Nada a fazer. Se o painel mostra outra coisa, veja o valor atual em `rocksync explain`.",
    ),
    Reason.PENDING: Guidance(
        meaning="A change waits for its next pass, or a price or stock waits until its product is at Plugg.to.",
        fix="Wait for the pass that `rocksync explain` names, or run it now: `rocksync sync SLUG KIND`.",
        who=Actor.NOBODY,
        meaning_pt="Uma alteração espera a próxima passagem, ou um preço ou estoque espera o produto entrar na"
        " Plugg.to.",
        fix_pt="Aguarde a passagem que `rocksync explain` indica, ou execute já: `rocksync sync SLUG KIND`.",
    ),
    Reason.INACTIVE: Guidance(
        meaning="The store has switched the product or variation off, or it has left the store: its stock at"
        " Plugg.to is 0.",
        fix="If it is to be sold: activate it in the store, with a price and a stock.",
        who=Actor.STORE,
        meaning_pt="O produto ou a variação está inativo ou saiu da loja: na Plugg.to o estoque é 0.",
        fix_pt="Se deve ser vendido: ative-o na loja, com preço e estoque.",
    ),
    Reason.NOT_SELECTED: Guidance(
        meaning="A rule keeps it out: a mapper, an order first seen too late in its life, placed before"
        " activation or deleted from the store after its import, or an"
        " operator who rejected a held change.",
        fix="If it is to go: change the mapper or its settings; for an order that came too late or was deleted,"
        " `rocksync resend`; for a rejected change, `rocksync resend`, then `rocksync holds approve`; an order that was"
        " cancelled before is entered in the store by hand.",
        who=Actor.OPERATOR,
        meaning_pt="Uma regra o deixa de fora: um mapper, um pedido visto tarde demais, anterior à ativação ou"
        " apagado da loja depois de importado, ou um operador"
        " que recusou uma alteração retida.",
        fix_pt="Se deve ir: mude o mapper ou suas configurações; para um pedido que veio tarde demais ou foi apagado,"
        " `rocksync resend`; para uma alteração recusada, `rocksync resend` e depois `rocksync holds approve`; um"
        " pedido cancelado antes se cadastra na loja à mão.",
    ),
    Reason.MISSING_PRICE: Guidance(
        meaning="The store has no price for the SKU (store.price), so it is not created, or keeps its last price.",
        fix="Give the SKU a price in the store; it is sent by itself then.",
        who=Actor.STORE,
        meaning_pt="A loja não tem preço para o SKU (store.price): ele não é criado, ou fica com o último preço.",
        fix_pt="Cadastre o preço do SKU na loja; o envio é automático.",
    ),
    Reason.MISSING_STOCK: Guidance(
        meaning="The store has no stock row for the SKU (store.stock), so it is not created.",
        fix="Give the SKU a stock in the store, 0 counts too; it is sent by itself then.",
        who=Actor.STORE,
        meaning_pt="A loja não tem registro de estoque para o SKU (store.stock): ele não é criado.",
        fix_pt="Cadastre o estoque do SKU na loja, mesmo que seja 0; o envio é automático.",
    ),
    Reason.INVALID_ITEM: Guidance(
        meaning="The store's data cannot be sent as they are: no name, a price of 0, a promotion above the"
        " price, an unsafe SKU. Or a rule or trigger of the store refuses an order, or Plugg.to tells neither price nor"
        " total of a line of it.",
        fix="Correct what the detail names in the store; the item is tried again by itself when its row changes, an"
        " order that the store has not by `rocksync quarantine release SLUG --key ID`.",
        who=Actor.STORE,
        meaning_pt="Os dados da loja não podem ser enviados assim: sem nome, preço 0, promoção acima do preço,"
        " SKU inválido. Ou uma regra ou trigger da loja recusa um pedido, ou o Plugg.to não informa nem preço nem total"
        " de uma linha dele.",
        fix_pt="Corrija na loja o que o detalhe aponta; o item é tentado de novo sozinho quando sua linha muda; um"
        " pedido que a loja não tem, com `rocksync quarantine release SLUG --key ID`.",
    ),
    Reason.UNKNOWN_SKU: Guidance(
        meaning="The store sells nothing under this SKU: it has no such product or variation, or the product is sold by"
        " its variations; an order with such a line waits, whole.",
        fix="Create the SKU in the store, or correct the SKU of the listing at the marketplace.",
        who=Actor.STORE,
        meaning_pt="A loja não vende nada com este SKU: não há tal produto ou variação, ou o produto é vendido pelas"
        " variações; um pedido com essa linha espera, inteiro.",
        fix_pt="Cadastre o SKU na loja, ou corrija o SKU do anúncio no marketplace.",
    ),
    Reason.SKU_CONFLICT: Guidance(
        meaning="The same SKU is two things: twice in the store, or under another product at Plugg.to.",
        fix="Give one of them another SKU, or delete the other product at Plugg.to; then `rocksync quarantine"
        " release SLUG`.",
        who=Actor.STORE,
        meaning_pt="O mesmo SKU é duas coisas: repetido na loja, ou de outro produto na Plugg.to.",
        fix_pt="Dê outro SKU a um deles, ou apague o outro produto na Plugg.to; depois `rocksync quarantine release"
        " SLUG`.",
    ),
    Reason.REJECTED: Guidance(
        meaning="Plugg.to refused what was sent, or its answer leaves out what is to be removed; the detail tells."
        " It is tried a few times, then set aside.",
        fix="Correct what Plugg.to names, or ask its support; then `rocksync quarantine release SLUG`.",
        who=Actor.OPERATOR,
        meaning_pt="A Plugg.to recusou o envio, ou a resposta dela omite o que deve ser removido; o detalhe diz."
        " Há algumas tentativas, depois o item é separado.",
        fix_pt="Corrija o que a Plugg.to aponta, ou fale com o suporte dela; depois `rocksync quarantine release"
        " SLUG`.",
    ),
    Reason.MAPPER_ERROR: Guidance(
        meaning="A mapper of the tenant raised, returned or wrote something wrong, or cannot be loaded; the"
        " detail names file and"
        " line.",
        fix="Correct the mapper (`rocksync mapper check NAME`), or restart the worker if the mapper is of a package"
        " installed since; its items are mapped again by themselves.",
        who=Actor.MAPPER_AUTHOR,
        meaning_pt="Um mapper do cliente falhou, devolveu algo inválido ou não carrega; o detalhe traz arquivo e"
        " linha.",
        fix_pt="Corrija o mapper (`rocksync mapper check NAME`), ou reinicie o worker se o mapper é de um pacote"
        " instalado depois; os itens são mapeados de novo sozinhos.",
    ),
    Reason.MAPPER_TIMEOUT: Guidance(
        meaning="A mapper of the tenant took longer over the item than mappers.deadline_s allows.",
        fix="Make the mapper quicker: no loops without end, no waiting, no network.",
        who=Actor.MAPPER_AUTHOR,
        meaning_pt="Um mapper do cliente demorou com o item mais do que mappers.deadline_s permite.",
        fix_pt="Torne o mapper mais rápido: sem laços infinitos, sem esperas, sem rede.",
    ),
    Reason.INVALID_INVOICE: Guidance(
        meaning="The invoice cannot be sent as it is (key of 44 characters, number, series, date), or an order"
        " that is invoiced or sent has none.",
        fix="Correct or add the row in store.invoice; it is sent by itself then.",
        who=Actor.STORE,
        meaning_pt="A nota fiscal não pode ser enviada assim (chave de 44 caracteres, número, série, data), ou um"
        " pedido faturado ou enviado não a tem.",
        fix_pt="Corrija ou inclua a linha em store.invoice; o envio é automático.",
    ),
    Reason.AMBIGUOUS_SHIPMENT: Guidance(
        meaning="The order has several deliveries at Plugg.to and it cannot be told which one the store means.",
        fix="Complete the right delivery in Plugg.to's panel, then `rocksync resend SLUG order ID`.",
        who=Actor.OPERATOR,
        meaning_pt="O pedido tem várias entregas na Plugg.to e não dá para saber qual é a da loja.",
        fix_pt="Complete a entrega certa no painel da Plugg.to, depois `rocksync resend SLUG order ID`.",
    ),
    Reason.STATUS_CONFLICT: Guidance(
        meaning="Store and Plugg.to contradict each other on an order, such as an invoice for a cancelled one.",
        fix="Decide which side is right: cancel the invoice in the store, or reopen the order with the marketplace.",
        who=Actor.STORE,
        meaning_pt="Loja e Plugg.to se contradizem sobre um pedido, como nota fiscal de um pedido cancelado.",
        fix_pt="Decida qual lado vale: cancele a nota na loja, ou reabra o pedido com o marketplace.",
    ),
    Reason.HUB_UNAVAILABLE: Guidance(
        meaning="Plugg.to does not answer, or answers with errors of its own. No item is blamed, nothing is lost.",
        fix="Wait: it is tried again by itself, ever more slowly. If it lasts, look at Plugg.to's status page.",
        who=Actor.HUB,
        meaning_pt="A Plugg.to não responde, ou responde com erros próprios. Nenhum item leva a culpa e nada se perde.",
        fix_pt="Aguarde: há novas tentativas automáticas. Se durar, veja a página de status da Plugg.to.",
    ),
    Reason.RATE_LIMITED: Guidance(
        meaning="Plugg.to limits the rate of requests of this tenant; the pass goes on after the pause it asked for.",
        fix="Wait; if it happens all day, lower pluggto.requests_per_second_per_tenant.",
        who=Actor.NOBODY,
        meaning_pt="A Plugg.to limita o ritmo de requisições deste cliente; a passagem continua após a pausa pedida.",
        fix_pt="Aguarde; se ocorre o dia todo, reduza pluggto.requests_per_second_per_tenant.",
    ),
    Reason.TENANT_PAUSED: Guidance(
        meaning="The tenant, or this kind of it, is paused by an operator, or is a draft that was never activated.",
        fix="`rocksync tenant resume SLUG`; for a draft, `rocksync tenant activate SLUG`.",
        who=Actor.OPERATOR,
        meaning_pt="O cliente, ou este tipo dele, está pausado por um operador, ou é um rascunho nunca ativado.",
        fix_pt="`rocksync tenant resume SLUG`; para um rascunho, `rocksync tenant activate SLUG`.",
    ),
    Reason.KIND_MANUAL: Guidance(
        meaning="This kind runs only on request for this tenant, and something waits for a request.",
        fix="`rocksync sync SLUG KIND`, or `rocksync schedule set SLUG KIND --default`.",
        who=Actor.OPERATOR,
        meaning_pt="Este tipo só roda a pedido para este cliente, e algo espera por um pedido.",
        fix_pt="`rocksync sync SLUG KIND`, ou `rocksync schedule set SLUG KIND --default`.",
    ),
    Reason.NEEDS_CREDENTIALS: Guidance(
        meaning="Plugg.to refuses the tenant's credentials, or there are none: nothing of the tenant is served.",
        fix="Ask the client for new ones, then `rocksync tenant credentials SLUG`.",
        who=Actor.OPERATOR,
        meaning_pt="A Plugg.to recusa as credenciais do cliente, ou não há nenhuma: nada do cliente é atendido.",
        fix_pt="Peça novas ao cliente, depois `rocksync tenant credentials SLUG`.",
    ),
    Reason.UNCONFIRMED: Guidance(
        meaning="Sent, but Plugg.to does not show it, or may still carry out an earlier request; or held before"
        " sending, since the change is beyond the tenant's limits.",
        fix="Sent: it is checked again by itself, or `rocksync resend`. Held: `rocksync holds approve` or `reject`.",
        who=Actor.OPERATOR,
        meaning_pt="Enviado, mas a Plugg.to não mostra, ou ainda pode executar um pedido anterior; ou retido antes do"
        " envio, por passar dos limites do cliente.",
        fix_pt="Enviado: é conferido de novo sozinho, ou `rocksync resend`. Retido: `rocksync holds approve` ou"
        " `reject`.",
    ),
}
"""Every reason code, explained."""
