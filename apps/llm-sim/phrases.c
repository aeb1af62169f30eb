/*
 * What the simulator can say. table, not logic
 *
 * Each part stands for itself, so that any of them in any order read as one answer. {} is what the
 * question is about. The first kind whose words occur in the question is taken; the last has none
 * and takes the rest.
 */
#include <stddef.h>

#include "sim.h"

static const char *const POEM_OPENINGS[] = {
    "Here is one about {}:\n\n",
    "For {}, then:\n\n",
    "I tried to keep it short, as {} deserves:\n\n",
    NULL,
};

static const char *const POEM_PARTS[] = {
    "Threads cross in the dark,  \none shuttle carries them all;  \nmorning finds the cloth.\n\n",
    "Ten thousand small waits,  \nnobody stands in a line;  \nthe loom never stops.\n\n",
    "Rain on the mill roof.  \nA spool turns, a spool is still;  \nboth are at their work.\n\n",
    "One needle, one hand,  \nand the pattern remembers  \nwhere each thread has slept.\n\n",
    "Wool waits on the beam,  \npatient as snow on a branch;  \na hand lets it go.\n\n",
    "Evening, and the warp  \nholds what the day has woven:  \na field, and the wind.\n\n",
    NULL,
};

static const char *const POEM_ENDINGS[] = {
    "The last line is meant to stay open.",
    "Shall I write another one, with *rhymes* this time?",
    "It counts five, seven and five if read slowly.",
    NULL,
};

static const char *const CODE_OPENINGS[] = {
    "Here is a version that I would be happy to review. About {}:\n\n",
    "Let us keep **{}** small enough to read in one go.\n\n",
    "There are several ways to write this; this one favours clarity for {}.\n\n",
    NULL,
};

static const char *const CODE_PARTS[] = {
    "```c\n"
    "/* Sorts a[0..n) in place. The larger half is looped over, so the depth stays small. */\n"
    "void quicksort(int *a, size_t n)\n"
    "{\n"
    "    while (n > 1) {\n"
    "        int pivot = a[(n - 1) / 2];      /* the middle: sorted input is no bad case */\n"
    "        size_t i = 0, j = n - 1;\n"
    "        for (;;) {\n"
    "            while (a[i] < pivot) i++;    /* what is left in place on the left */\n"
    "            while (a[j] > pivot) j--;    /* and on the right */\n"
    "            if (i >= j) break;\n"
    "            int t = a[i];\n"
    "            a[i++] = a[j];\n"
    "            a[j--] = t;\n"
    "        }\n"
    "        size_t left = j + 1;\n"
    "        if (left < n - left) {\n"
    "            quicksort(a, left);\n"
    "            a += left;\n"
    "            n -= left;\n"
    "        } else {\n"
    "            quicksort(a + left, n - left);\n"
    "            n = left;\n"
    "        }\n"
    "    }\n"
    "}\n"
    "```\n\n",
    "What matters here:\n\n"
    "- **The invariant.** Everything left of `i` is at most the pivot, everything right of `j` at "
    "least.\n"
    "- **The bounds.** Both scans stop at the pivot, so no extra check is needed inside the loop.\n"
    "- **The cost.** `O(n log n)` on average; the depth is `O(log n)` in every case.\n\n",
    "To try it, compile with warnings on and feed it the awkward inputs first:\n\n"
    "```sh\n"
    "cc -std=c17 -Wall -Wextra -O2 sort.c -o sort\n"
    "./sort 3 1 2\n"
    "./sort          # nothing at all\n"
    "./sort 7 7 7 7  # all the same\n"
    "```\n\n",
    "A word on testing: compare the result with `qsort` from the standard library on random input, "
    "and print the seed when they differ. Ten lines of such a test find more than an hour of "
    "reading.\n\n",
    "If the elements are larger than a machine word, sort pointers or indices instead. Moving them "
    "is what costs, *not* comparing them.\n\n",
    NULL,
};

static const char *const CODE_ENDINGS[] = {
    "Tell me which compiler you use if something does not build.",
    "For real work prefer the library's function; it has seen more inputs than we have.",
    "The next step would be a benchmark, with your data rather than with mine.",
    NULL,
};

static const char *const PLAN_OPENINGS[] = {
    "A plan for **{}** that leaves room to breathe:\n\n",
    "Here is how I would go about {}.\n\n",
    "For {} I would start with few fixed points and decide the rest on the day.\n\n",
    NULL,
};

static const char *const PLAN_PARTS[] = {
    "### Day one: arrive\n\n"
    "1. Drop the bags and walk without a map for an hour.\n"
    "2. Have an early dinner near the station; the *small* places fill up first.\n"
    "3. Sleep. Everything else can wait.\n\n",
    "### Day two: the long walk\n\n"
    "1. Leave before eight, while the lanes are empty.\n"
    "2. Take the hill path in the morning and the river in the afternoon.\n"
    "3. Keep one hour free for the place you will find by accident.\n\n",
    "### Day three: slower\n\n"
    "1. A market for breakfast, and something to take home.\n"
    "2. One museum or one garden, **not both**.\n"
    "3. Be at the station half an hour early, with tea.\n\n",
    "What to book ahead:\n\n"
    "- the first night, because you will be tired;\n"
    "- any place that limits its visitors;\n"
    "- the train back, on the side with the view.\n\n",
    "On money: set aside a tenth for what you did not foresee. It is rarely needed, and it makes "
    "the other nine tenths easier to spend.\n\n",
    "If it rains, turn the days around rather than the hours. A wet morning in a covered market is "
    "worth more than a wet garden.\n\n",
    NULL,
};

static const char *const PLAN_ENDINGS[] = {
    "Shall I add opening hours, or places to eat?",
    "Tell me how fast you like to walk, and I will move things around.",
    "Leave one evening empty. It will fill itself.",
    NULL,
};

static const char *const GREETING_OPENINGS[] = {
    "Hello! ",
    "Good to hear from you. ",
    "Hi there. ",
    NULL,
};

static const char *const GREETING_PARTS[] = {
    "I am a simulator: I have no model behind me, but I answer at the pace of one. ",
    "Ask me to *explain* something, to write a **poem**, some `code`, or a plan. ",
    "My answers come token by token, so that you can watch how they arrive. ",
    "Open a second conversation beside this one: neither of them will wait for the other. ",
    NULL,
};

static const char *const GREETING_ENDINGS[] = {
    "What is on your mind?",
    "What shall we talk about?",
    "Where shall we begin?",
    NULL,
};

static const char *const GENERAL_OPENINGS[] = {
    "Let me take **{}** one step at a time.\n\n",
    "The short answer on **{}**: it is mostly a matter of *who waits for what*.\n\n",
    "Good question. With *{}*, the details are simpler than they look.\n\n",
    "There are two sides to **{}**, and it helps to keep them apart.\n\n",
    NULL,
};

static const char *const GENERAL_PARTS[] = {
    "Think of a weaver with many shuttles. Only one of them moves at a time, and yet the cloth "
    "grows evenly, because a shuttle that has nothing to do is simply laid aside. Nothing is held "
    "up by what is not ready.\n\n",
    "Three things are worth remembering:\n\n"
    "- **Waiting is not working.** Whoever waits should cost a little memory and no time.\n"
    "- **Order is a promise.** What was asked first is looked at first, and nobody is forgotten.\n"
    "- **Limits are kindness.** A queue that may grow without end only hides the trouble.\n\n",
    "In practice it comes down to a few lines:\n\n"
    "```c\n"
    "while ((got = read(socket, buffer, sizeof buffer)) > 0) {\n"
    "    if (write(out, buffer, got) != got)\n"
    "        return -1;    /* whoever reads from us has gone */\n"
    "}\n"
    "```\n\n"
    "The call to `read` looks as if it stopped everything. It stops this one conversation, and "
    "only until its bytes are there.\n\n",
    "A common mistake is to measure the average. Averages are kind: they hide the one visitor in a "
    "hundred who waited ten times as long. Look at the *slowest* hundredth instead, and at what "
    "the machine did in that moment.\n\n",
    "It helps to ask three questions, in this order:\n\n"
    "1. What happens when there is **one** of them?\n"
    "2. What happens when there are **a thousand**?\n"
    "3. What happens when one of the thousand never answers?\n\n",
    "The history is short. First there was one program to a machine, then many programs that took "
    "turns, then threads that shared one memory. Each step made waiting cheaper, and each was "
    "found "
    "too dear a few years later.\n\n",
    "None of this needs new words. A function that calls another and waits for its result is the "
    "oldest idea in the book; it only has to be *cheap* enough to be used everywhere.\n\n",
    "> Simple things should stay simple when there are many of them.\n\n"
    "That sentence decides most of the arguments.\n\n",
    "As an example, take a kitchen with one cook. While the water heats up she cuts the bread; "
    "while the bread toasts she lays the table. Ten dishes are under way and nobody is in a hurry. "
    "Ten cooks in the same kitchen would be in each other's way.\n\n",
    NULL,
};

static const char *const GENERAL_ENDINGS[] = {
    "Does that help, or shall I go deeper into one of these points?",
    "If you tell me where you want to use it, I can be more precise.",
    "That is the whole of it; the rest is patience.",
    NULL,
};

const struct phrases SIM_PHRASES[] = {
    { "|haiku|poem|poetry|verse|limerick|", POEM_OPENINGS, POEM_PARTS, POEM_ENDINGS, 1, 2, false },
    { "|code|quicksort|function|program|script|implement|", CODE_OPENINGS, CODE_PARTS, CODE_ENDINGS,
      2, 4, true },
    { "|plan|trip|itinerary|days|schedule|travel|", PLAN_OPENINGS, PLAN_PARTS, PLAN_ENDINGS, 4, 6,
      true },
    { "|hello|hi|hey|greetings|", GREETING_OPENINGS, GREETING_PARTS, GREETING_ENDINGS, 2, 3,
      false },
    { "", GENERAL_OPENINGS, GENERAL_PARTS, GENERAL_ENDINGS, 3, 5, false },
};

const size_t SIM_PHRASES_COUNT = sizeof(SIM_PHRASES) / sizeof(SIM_PHRASES[0]);
