"""What a feature can answer, and how it chooses. All outcomes are decisions made when a snapshot is compiled.

A choice is asked with a subject and answers a decision; one that stands before others answers None to pass the subject
on. Each explains itself by the same functions that it chooses by.
"""
