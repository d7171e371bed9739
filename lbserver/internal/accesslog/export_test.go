package accesslog

// AppendText and AppendJSON are the formats, for tests of what lines look like.
var (
	AppendText = appendText
	AppendJSON = appendJSON
)
