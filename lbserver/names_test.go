package lbserver_test

import "testing"

// A region is a part of the path of every call, and both are parts of the Authorization header.
func TestRegionAndAccessKeyMayBeOfAllCharactersThatAreNotRefused(t *testing.T) {
	t.Parallel()
	const all = "!\"#$%&'()*+-.0:;<=>?@A[\\]^_`a{|}~"
	config := testConfig(t)
	config.Region, config.AccessKey, config.SecretKey = all, all, "secret"
	start(t, config) // calls the API
}
