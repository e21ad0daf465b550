// Package sample holds real rows of LiteLLM's table of requests, for the demo
// and the tests: what an unmodified LiteLLM 1.80.10 proxy wrote under scripted
// failures (data/ORIGIN.md). All keys in it are fake.
package sample

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the LiteLLM release that wrote the rows.
const Version = "1.80.10"

//go:embed data/schema.sql
var schema string

//go:embed data/rows.jsonl.gz
var rows []byte

//go:embed data/tokens.jsonl.gz
var tokens []byte

// Schema is the SQL that makes LiteLLM's tables in an empty database.
func Schema() string { return schema }

// Rows returns all rows, oldest startTime first: 500 successes and 262 failures.
func Rows() ([]Row, error) { return ReadRows(bytes.NewReader(rows)) }

// Token is a row of one of the two tables of keys.
type Token struct {
	// Table is LiteLLM_VerificationToken or LiteLLM_DeletedVerificationToken.
	Table string `json:"table"`
	// Row is the row as row_to_json prints it.
	Row json.RawMessage `json:"row"`
}

// Tokens returns the keys that the rows were made with.
func Tokens() ([]Token, error) { return ReadTokens(bytes.NewReader(tokens)) }

// ReadRows reads gzipped lines of row_to_json, in their order.
func ReadRows(r io.Reader) ([]Row, error) {
	var all []Row
	err := readLines(r, func(line json.RawMessage) error {
		row, err := ParseRow(line)
		all = append(all, row)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sample rows: %w", err)
	}
	return all, nil
}

// ReadTokens reads gzipped lines of {"table": …, "row": …}.
func ReadTokens(r io.Reader) ([]Token, error) {
	var all []Token
	err := readLines(r, func(line json.RawMessage) error {
		var t Token
		err := json.Unmarshal(line, &t)
		all = append(all, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sample tokens: %w", err)
	}
	return all, nil
}

func readLines(r io.Reader, take func(json.RawMessage) error) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(z); ; {
		var line json.RawMessage
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := take(line); err != nil {
			return err
		}
	}
}
