// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.Flow;

/// <summary>
/// The sieve before all others: which words a file contains, read off its text in one pass. A file without an attribute of the package is not searched for
/// declarations, and in code without annotations a file without an operation of a .NET lock is not looked at again.
/// </summary>
internal sealed class TextSieve
{
    private const int Chunk = 4096;

    private readonly string[][] _byLength;
    private readonly ulong _starts;

    /// <summary>Initializes a new instance of the <see cref="TextSieve"/> class.</summary>
    /// <param name="words">The words to look for.</param>
    internal TextSieve(IEnumerable<string> words)
    {
        var lists = new List<List<string>>();
        foreach (string w in words)
        {
            while (lists.Count <= w.Length)
                lists.Add(new List<string>());
            lists[w.Length].Add(w);
            _starts |= 1UL << (w[0] & 63);
        }

        _byLength = new string[lists.Count][];
        for (int i = 0; i < _byLength.Length; i++)
            _byLength[i] = lists[i].ToArray();
    }

    /// <summary>Whether a file contains one of the words as a whole identifier or keyword.</summary>
    /// <param name="tree">The file.</param>
    /// <param name="token">Cancels the search.</param>
    /// <returns>Whether it may; escapes in identifiers count as a match.</returns>
    internal bool Matches(SyntaxTree tree, CancellationToken token)
    {
        SourceText text = tree.GetText(token);
        var buffer = new char[Chunk];
        var word = new char[_byLength.Length];
        int length = 0;
        for (int at = 0; at < text.Length; at += Chunk)
        {
            int count = Math.Min(Chunk, text.Length - at);
            text.CopyTo(at, buffer, 0, count);
            for (int i = 0; i < count; i++)
            {
                char c = buffer[i];
                if (c < 128 ? (uint)((c | 32) - 'a') < 26 || c == '_' || (uint)(c - '0') < 10 : char.IsLetterOrDigit(c))
                {
                    if (length < word.Length)
                        word[length] = c;
                    length++;
                    continue;
                }

                if (c == '\\' || (length > 0 && Is(word, length)))
                {
                    if (c != '\\' || i + 1 == count || buffer[i + 1] is 'u' or 'U' || (length > 0 && Is(word, length)))
                        return true;
                }

                length = 0;
            }
        }

        return length > 0 && Is(word, length);
    }

    private bool Is(char[] word, int length)
    {
        if (length >= _byLength.Length || (_starts & (1UL << (word[0] & 63))) == 0)
            return false;
        foreach (string w in _byLength[length])
        {
            int i = 0;
            while (i < length && w[i] == word[i])
                i++;
            if (i == length)
                return true;
        }

        return false;
    }
}
