package planner

import "errors"

// errRun: a replay's id is one that no replay may have.
var errRun = errors.New("this is no id of a replay")
