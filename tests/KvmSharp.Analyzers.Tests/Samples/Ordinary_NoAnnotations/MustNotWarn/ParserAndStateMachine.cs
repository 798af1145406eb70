// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public ref struct Tokens
{
    private ReadOnlySpan<char> _rest;

    public Tokens(ReadOnlySpan<char> text)
    {
        _rest = text;
        Current = default;
    }

    public ReadOnlySpan<char> Current { get; private set; }

    public readonly Tokens GetEnumerator() => this;

    public bool MoveNext()
    {
        _rest = _rest.TrimStart();
        if (_rest.IsEmpty)
            return false;
        int end = _rest.IndexOf(' ');
        if (end < 0)
            end = _rest.Length;
        Current = _rest[..end];
        _rest = _rest[end..];
        return true;
    }
}

public static class Calculator
{
    private delegate double Op(double a, double b);

    private static readonly Dictionary<string, Op> Ops1 = new()
    {
        ["+"] = (a, b) => a + b,
        ["-"] = (a, b) => a - b,
        ["*"] = static (a, b) => a * b,
        ["/"] = (a, b) => b == 0 ? throw new DivideByZeroException() : a / b,
    };

    public static double Evaluate(string text)
    {
        var stack = new Stack<double>();
        foreach (var token in new Tokens(text))
        {
            string word = token.ToString();
            if (Ops1.TryGetValue(word, out var op))
            {
                (double b, double a) = (stack.Pop(), stack.Pop());
                stack.Push(op(a, b));
                continue;
            }

            stack.Push(double.Parse(word, System.Globalization.CultureInfo.InvariantCulture));
        }

        return stack switch
        {
            { Count: 1 } => stack.Pop(),
            { Count: 0 } => 0,
            _ => throw new FormatException(),
        };
    }
}
