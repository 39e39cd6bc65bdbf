/*
 * policy_wipe.test: destroys a policy with a key. Prints "freed <n> control <n>": blocks that were
 * freed with the key still in them, and whether the search notices a block that is not wiped.
 */
#include "srtp.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>

extern "C" void __libc_free(void* block);

static uint8_t key[32];
static unsigned found = 0;

// For the whole process, so also below operator delete, which the compiler knows and optimises.
extern "C" void free(void* block)
{
	if (block && memmem(block, malloc_usable_size(block), key, sizeof(key)))
	{
		found++;
	}

	__libc_free(block);
}

int main()
{
	for (size_t i = 0; i < sizeof(key); ++i)
	{
		key[i] = static_cast<uint8_t>(i * 13 + 5);
	}

	const uint8_t salt[12]{};
	srtp_policy_t policy{ nullptr };

	if (srtp_policy_create(&policy) || srtp_policy_add_key(policy, key, sizeof(key), salt, sizeof(salt), nullptr, 0))
	{
		return 2;
	}

	// The compiler must not remove a copy of the key that nobody seems to read.
	__asm__ volatile("" : : "r"(policy) : "memory");
	srtp_policy_destroy(policy);

	const auto freed = found;
	auto* control    = new onecast_srtp_policy();

	std::memcpy(control->key, key, sizeof(key));
	__asm__ volatile("" : : "r"(control) : "memory");

	delete control;

	std::printf("freed %u control %u\n", freed, found - freed);
}
