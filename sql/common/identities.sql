-- Maps each id that Mixpanel has linked to another one to the id that represents the person now.
-- Ids that were never linked are not in it. The links come from exported events only: see
-- docs/tables.md.
WITH RECURSIVE {{parts}}
{{result}}
