"""Documents read in parts, and the parts' replies put together: by code wherever code can.

The words, as they are used in here:

- A *unit* is what a prompt can be answered for one by one: a line, a row, a clause (`documents.units`). A
  *chunk* is lines of one document with the headings above them (`documents.chunks`). A *part* is a chunk that
  is read: its *position* counts from 0, its *number*, which people see, from 1.
- A *step* is what the model is asked once (`steps`): of a part (map), of what parts gave (reduce), or of a
  part with the answer so far (refine). A *round* is the same step for all that do not fit one (`rounds`).
- A *partial* is what a part gave: the model's reply, or why there is none (`events`).
- A *statement* is a sentence, item or row that claims something (`checks.statements`). Its *support* is where
  texts say it (`checks.support`). A *fact* is a statement of a partial with the document's lines it rests on
  (`facts`). A *digest* is facts, or JSON of partials, as the short document that a reduce step reads.
- A *place* is lines as people read them: `report.txt, lines 12-14` (`documents.places`, `steps.Places`).
- *Kept* is what is in the store (`keeping`).

Who calls whom: `plan` decides, `driver` begins and picks the strategy, `parts` reads all parts by way of
`mapping`, `joining`, `combining`, `quoting`, `retrieving` and `refining` make the reply of them.
"""
