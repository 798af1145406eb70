// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

var counts = new Dictionary<string, int>();
object gate = new();
Parallel.ForEach(args, word =>
{
    lock (gate)
        counts[word] = counts.GetValueOrDefault(word) + 1;
});

foreach (var (word, count) in counts.OrderByDescending(pair => pair.Value))
    Console.WriteLine($"{word,-20}{count}");

int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);
await Task.Delay(Fib(3));
return counts.Count > 0 ? 0 : 1;
