package llm

// Parse is parse, for the fuzz test and the table.
var Parse = parse
