// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KvmSharp.Analyzers.Tests.Engine;

/// <summary>Stage two: words to symbols.</summary>
[TestFixture]
public sealed class PathBinderTests
{
    private const string Source = """
        namespace Outer
        {
            static class Globals { public static readonly object Big = new(); public object Inst = new(); }
            class Node { public object Mu = new(); public int Number; public object Make() => Mu; public object Arg(int x) => Mu; }
            class Base { protected object _base = new(); }
            class C : Base
            {
                static object S = new();
                object _mu = new(); Node[] _nodes = null!; System.Collections.Generic.List<Node> _list = new();
                void M(Node node, int n) { }
                static void T(Node node) { }
                Node R() => null!;
                class Inner { void I() { } }
            }
        }
        """;

    [TestCase("_mu", "M", ExpectedResult = "This/_mu")]
    [TestCase("this._mu", "M", ExpectedResult = "This/_mu")]
    [TestCase("this", "M", ExpectedResult = "This")]
    [TestCase("_base", "M", ExpectedResult = "This/_base")]
    [TestCase("node.Mu", "M", ExpectedResult = "Parameter0/Mu")]
    [TestCase("node.Make()", "M", ExpectedResult = "Parameter0/Make")]
    [TestCase("node", "T", ExpectedResult = "Parameter0")]
    [TestCase("S", "T", ExpectedResult = "Static:S")]
    [TestCase("Globals.Big", "M", ExpectedResult = "Static:Big")]
    [TestCase("Outer.Globals.Big", "M", ExpectedResult = "Static:Big")]
    [TestCase("_nodes.*", "M", ExpectedResult = "This/_nodes/*")]
    [TestCase("_list.*.Mu", "M", ExpectedResult = "This/_list/*/Mu")]
    [TestCase("return", "R", ExpectedResult = "Return")]
    [TestCase("return.Mu", "R", ExpectedResult = "Return/Mu")]
    [TestCase("*", "M", ExpectedResult = "Any")]
    [TestCase("S", "I", ExpectedResult = "Static:S")]
    public string Binds(string text, string member) => Describe(Bind(text, member, out _));

    [TestCase("_nothing", "M")]
    [TestCase("n", "M")]
    [TestCase("node.Number", "M")]
    [TestCase("node.Make", "M")]
    [TestCase("node.Arg()", "M")]
    [TestCase("Globals", "M")]
    [TestCase("Outer.Globals", "M")]
    [TestCase("Globals.Inst", "M")]
    [TestCase("_mu", "T")]
    [TestCase("this", "T")]
    [TestCase("return", "M")]
    [TestCase("value", "M")]
    [TestCase("_mu.*", "M")]
    [TestCase("_mu", "I")]
    [TestCase("_MU", "M")]
    public void DoesNotBind(string text, string member)
    {
        Bind(text, member, out string? error);
        Assert.That(error, Is.Not.Null);
    }

    private static string Describe(BoundPath? path)
    {
        if (path is null)
            return "null";
        string root = path.Root == RootKind.Parameter ? "Parameter" + path.Ordinal : path.Root == RootKind.Static ? "Static:" + path.RootSymbol!.Name : path.Root.ToString();
        return string.Join("/", path.Segments.Select(static s => s?.Name ?? "*").Prepend(root));
    }

    private static BoundPath? Bind(string text, string member, out string? error)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(Source);
        CSharpCompilation compilation = CSharpCompilation.Create("T", [tree], Verifier.References, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        ISymbol owner = compilation.GetSymbolsWithName(member, SymbolFilter.Member).Single();
        var reader = new ContractReader(compilation, ExternalAnnotations.None);
        return reader.Binder.Bind(text, owner, owner.DeclaringSyntaxReferences[0], out error);
    }
}
