"""Who is meant: a tree of conditions over a subject's attributes. Typed and strict: doubt never matches.

A tree is JSON: a group `{"all": […]}`, `{"any": […]}` or `{"none": […]}`, `{"everyone": true}`, or a leaf
`{"attribute": "country", "operator": "in", "value": ["DE", "AT"]}`. A missing attribute or one of a wrong type matches
no operator but `not_exists`; an attribute that is a list matches when any element does, and a negative operator when
none does. A tree with anything broken in it, such as an unknown operator or a segment that is gone, matches nobody,
however it is nested.
"""
