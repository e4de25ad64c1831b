"""What commands print: tables, progress and explanations as text. Nothing here measures."""
