// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.References;

/// <summary>Counted references: who owns which count, on which path.</summary>
internal sealed partial class ReferenceDomain
{
    private readonly Walker _walker;
    private readonly List<(Obj Obj, SyntaxNode At)> _temporaries = new();

    internal ReferenceDomain(Walker walker) => _walker = walker;

    private List<World> Worlds => _walker.State.Worlds;

    private FunctionFrame Frame => _walker.Function;

    internal bool IsCounted(ITypeSymbol? type) => type is not null && _walker.Contracts.Type(type).IsCounted;

    internal bool IsCounted(Obj o) => (o.Contract ??= _walker.Contracts.Type(o.Type)).IsCounted;

    /// <summary>The state of an object nothing has happened to yet.</summary>
    internal RefState? Default(Obj o)
    {
        if (!IsCounted(o))
            return null;
        switch (o.Kind)
        {
            case ObjKind.This:
                return BorrowedState;
            case ObjKind.Parameter:
                for (FunctionFrame? f = Frame; f is not null; f = f.Caller)
                {
                    if (SymbolEqualityComparer.Default.Equals(f.Symbol.OriginalDefinition, o.Symbol!.ContainingSymbol.OriginalDefinition)
                        || ContractReader.IsExtension(o.Symbol.ContainingSymbol as ITypeSymbol))
                        return BorrowedState;
                }

                return UnknownState;
            case ObjKind.Member or ObjKind.Static:
                return o.Symbol is not null && o.Symbol is not IMethodSymbol && _walker.Contracts.Data(o.Symbol).Effect == RefEffect.Borrows ? BorrowedState : UnknownState;
            case ObjKind.Local or ObjKind.Element or ObjKind.SomeElement:
                return UnknownState;
            default:
                return null;
        }
    }

    internal RefState? Get(World w, Obj o) => w.Refs[o.Id] ?? Default(o);

    internal void Enter(FunctionFrame frame)
    {
        _temporaries.Clear();
        if (frame.Method is not { } m)
            return;
        World w = Worlds[0];
        bool off = frame.Contract.IsGet || frame.Contract.IsPut;
        foreach (IParameterSymbol p in m.Parameters)
        {
            if (!IsCounted(p.Type))
                continue;
            RefEffect effect = frame.Contract.Parameter(p.Ordinal).Effect;
            Obj o = _walker.ParameterObj(p);
            if (effect == RefEffect.Consumes)
                w.Refs = w.Refs.Set(o.Id, RefState.OwnedOne(SyntaxOf(p)));
            else if (off || effect is RefEffect.Drops or RefEffect.Acquires)
                w.Refs = w.Refs.Set(o.Id, EscapedState);
        }

        if (m.ContainingType is not null && IsCounted(m.ContainingType))
        {
            Obj self = _walker.This();
            if (frame.Contract.Receiver == RefEffect.Consumes)
                w.Refs = w.Refs.Set(self.Id, RefState.OwnedOne(frame.Syntax));
            else if (off || frame.Contract.Receiver is RefEffect.Drops or RefEffect.Acquires)
                w.Refs = w.Refs.Set(self.Id, EscapedState);
        }
    }

    internal void EnterNested(FunctionFrame frame)
    {
    }

    internal bool LearnNull(World w, Obj o, bool isNull)
    {
        if (!IsCounted(o) || Get(w, o) is not { } s)
            return true;
        if (isNull)
        {
            if (o.Kind == ObjKind.New)
                return false;
            w.Refs = w.Refs.Set(o.Id, s.With(RefState.NullBit));
            return true;
        }

        int bits = s.Bits & ~RefState.NullBit;
        if (bits == 0)
            return false;
        w.Refs = w.Refs.Set(o.Id, s.With(bits));
        return true;
    }

    internal void Unowned(Obj o, ITypeSymbol? type)
    {
        if (!IsCounted(type))
            return;
        foreach (World w in Worlds)
            w.Refs = w.Refs.Set(o.Id, UnknownState);
    }

    internal void Created(Obj o, IObjectCreationOperation c)
    {
        if (!IsCounted(c.Type))
            return;
        bool handle = _walker.Contracts.Type(c.Type).IsHandle;
        foreach (World w in Worlds)
            w.Refs = w.Refs.Set(o.Id, handle ? UnknownState : RefState.OwnedOne(c.Syntax));
        if (!handle)
            _temporaries.Add((o, c.Syntax));
    }

    // ---- uses ----------------------------------------------------------------------------------------------------------------------

    /// <summary>The object on top of the stack is accessed.</summary>
    internal void UseTop(IOperation use)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek() is { Kind: ValueKind.Obj, Obj: { } o })
                Use(w, o, use.Syntax);
        }
    }

    /// <summary>A field is accessed; its location is on top of the stack.</summary>
    internal void UseOwner(IFieldReferenceOperation f)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek().Location is { Kind: ObjKind.Member, Parent: { } o })
                Use(w, o, f.Syntax);
        }
    }

    internal void ReadFrom(IOperation op)
    {
    }

    internal void ReceiverUse(IInvocationOperation i, IMethodSymbol target, Contract contract)
    {
        if (contract.Receiver is RefEffect.Drops or RefEffect.Consumes)
            return;
        UseTop(i);
    }

    internal void UseArguments(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments)
    {
        if (arguments is not { } list)
            return;
        foreach (IArgumentOperation a in list)
        {
            int ordinal = a.Parameter?.Ordinal ?? -1;
            if (site.Contract.Parameter(ordinal).Effect is RefEffect.Drops or RefEffect.Consumes)
                continue;
            for (int i = 0; i < Worlds.Count; i++)
            {
                if (operands[i].Argument(ordinal) is { Kind: ValueKind.Obj, Obj: { } o } && a.Parameter?.RefKind != RefKind.Out)
                    Use(Worlds[i], o, a.Value.Syntax);
            }
        }
    }

    // ---- effects -------------------------------------------------------------------------------------------------------------------

    internal void Effects(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments)
    {
        Contract c = site.Contract;
        bool store = LockDomain.IsStore(site.Method) || (site.Method.MethodKind == MethodKind.PropertySet && TypeFacts.IsSystemCollections(site.Method.ContainingType));
        bool atomic = site.Method.Name is "Write" or "Exchange" or "CompareExchange" && site.Method.ContainingType is { Name: "Volatile" or "Interlocked" } type
            && TypeFacts.IsIn(type, "System", "Threading");
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            Operands op = operands[i];
            if (op.Receiver is { Kind: ValueKind.Obj, Obj: { } self } && !site.Method.IsStatic && site.Method.MethodKind != MethodKind.Constructor)
                Apply(w, self, c.Receiver, site.Syntax);
            for (int k = 0; k < op.Arguments.Length; k++)
            {
                if (op.Arguments[k] is not { Kind: ValueKind.Obj, Obj: { } o })
                    continue;
                Apply(w, o, c.Parameter(k).Effect, site.Syntax);
                if (!IsCounted(o) || op.Arguments[k].Location is not null)
                    continue;
                RefEffect target = atomic && op.Argument(0).Location?.Symbol is { } member ? _walker.Contracts.Data(member).Effect : RefEffect.None;
                if (store || (atomic && target != RefEffect.Borrows))
                    Give(w, o, site.Syntax, consumes: target == RefEffect.Consumes);
            }
        }
    }

    private void Apply(World w, Obj o, RefEffect effect, SyntaxNode at)
    {
        if (!IsCounted(o) || effect is RefEffect.None or RefEffect.Borrows || Get(w, o) is not { } s)
            return;
        if (effect == RefEffect.Acquires)
        {
            if (s.MayBeGone)
                Use(w, o, at);
            else
                w.Refs = w.Refs.Set(o.Id, s.AddCount(at));
            return;
        }

        if (s.MayBeGone)
        {
            Report(Descriptors.RefDroppedTwice, at, s, o);
            w.Refs = w.Refs.Set(o.Id, ReportedState);
        }
        else if ((s.Bits & RefState.Borrowed) != 0)
        {
            Report(Descriptors.RefNotOwned, at, s, o);
            w.Refs = w.Refs.Set(o.Id, ReportedState);
        }
        else
        {
            w.Refs = w.Refs.Set(o.Id, s.TakeCount(effect == RefEffect.Consumes ? RefState.Moved : RefState.Dropped, at));
        }
    }

    /// <summary>One count goes to storage; the last one leaves a borrowed handle.</summary>
    private void Give(World w, Obj o, SyntaxNode at, bool consumes)
    {
        if (!IsCounted(o) || Get(w, o) is not { } s)
            return;
        if (s.MayBeGone)
        {
            Use(w, o, at);
            return;
        }

        if (consumes && (s.Bits & RefState.Borrowed) != 0)
        {
            Report(Descriptors.RefNotOwned, at, s, o);
            w.Refs = w.Refs.Set(o.Id, ReportedState);
            return;
        }

        w.Refs = w.Refs.Set(o.Id, s.TakeCount(RefState.Borrowed, at));
    }

    /// <summary>The value on top of the stack is put into an array or collection.</summary>
    internal void HandOver(IOperation value)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek() is { Kind: ValueKind.Obj, Obj: { } o })
                Give(w, o, value.Syntax, consumes: false);
        }
    }

    /// <summary>The value on top of the stack gets out of sight.</summary>
    internal void Escapes(IOperation at)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek() is { Kind: ValueKind.Obj, Obj: { } o } && IsCounted(o))
                w.Refs = w.Refs.Set(o.Id, EscapedState);
        }
    }

    internal void Captured(IAnonymousFunctionOperation f)
    {
        foreach (IOperation op in f.Body.Descendants())
        {
            Obj? location = op switch
            {
                ILocalReferenceOperation l when !SymbolEqualityComparer.Default.Equals(l.Local.ContainingSymbol, f.Symbol) => _walker.LocalObj(l.Local),
                IParameterReferenceOperation p when !SymbolEqualityComparer.Default.Equals(p.Parameter.ContainingSymbol, f.Symbol) => _walker.ParameterObj(p.Parameter),
                _ => null,
            };
            if (location is null || !IsCounted(location))
                continue;
            foreach (World w in Worlds)
            {
                if (w.Read(location) is { Kind: ValueKind.Obj, Obj: { } o } && IsCounted(o))
                    w.Refs = w.Refs.Set(o.Id, EscapedState);
            }
        }
    }

    // ---- results -------------------------------------------------------------------------------------------------------------------

    internal void Result(CallSite site, List<Operands> operands, Obj? result, Obj? created)
    {
        if (result is null || created is not null || !IsCounted(result) || ReturnsSame(site))
            return;
        RefState state = site.Method.Name is "ERR_PTR" or "ERR_CAST" ? new RefState(RefState.NullBit, null, null)
            : site.Contract.ReturnsReference ? RefState.OwnedOne(site.Syntax)
            : site.Contract.BorrowsReturn ? BorrowedState
            : IsOurCode(site.Method) ? BorrowedState
            : UnknownState;
        foreach (World w in Worlds)
            w.Refs = w.Refs.Set(result.Id, state);
        if (site.Contract.ReturnsReference)
            _temporaries.Add((result, site.Syntax));
    }

    // A get operation returns the object it was given, and the count it took lies on that object.
    private static bool ReturnsSame(CallSite site) => site.Contract.IsGet;

    internal Value? ResultValue(CallSite site, Operands o, Obj? result)
    {
        if (!ReturnsSame(site) || result is null || !IsCounted(result))
            return null;
        Value same = site.Contract.Receiver == RefEffect.Acquires ? o.Receiver : o.Argument(0);
        return same.Kind is ValueKind.Obj or ValueKind.Null ? same.WithLocation(null) : null;
    }

    internal void OutArgument(World w, CallSite site, IParameterSymbol p, Obj o)
    {
        if (!IsCounted(o))
            return;
        bool owned = site.Contract.Parameter(p.Ordinal).ReturnsReference;
        w.Refs = w.Refs.Set(o.Id, owned ? RefState.OwnedOne(site.Syntax) : UnknownState);
    }

    /// <summary>An <c>out</c> argument that is owned only for one result.</summary>
    internal void OutOutcomes(CallSite site, List<Operands> operands, Obj? result)
    {
        if (result is null)
            return;
        foreach (IParameterSymbol p in site.Method.Parameters)
        {
            ParameterContract c = site.Contract.Parameter(p.Ordinal);
            if (!c.ReturnsReference || c.NotNullWhen is not { } when)
                continue;
            result.IsOutcome = true;
            var worlds = new List<World>();
            var ops = new List<Operands>();
            for (int i = 0; i < Worlds.Count; i++)
            {
                World w = Worlds[i];
                bool? known = w.Facts[result.Id] is { } f ? f.Value != 0 : null;
                if (known != !when)
                {
                    World yes = known is null ? w.Clone() : w;
                    yes.Facts = yes.Facts.Set(result.Id, Bits.Of(when));
                    worlds.Add(yes);
                    ops.Add(operands[i]);
                }

                if (known != when)
                {
                    w.Facts = w.Facts.Set(result.Id, Bits.Of(!when));
                    if (operands[i].Argument(p.Ordinal).Location is { } location && w.Env[location.Id] is { Obj: { } o })
                        w.Refs = w.Refs.Set(o.Id, new RefState(RefState.NullBit, null, null));
                    worlds.Add(w);
                    ops.Add(operands[i]);
                }
            }

            Worlds.Clear();
            Worlds.AddRange(worlds);
            operands.Clear();
            operands.AddRange(ops);
        }
    }

    internal void Awaited(IAwaitOperation a)
    {
    }

    // ---- stores --------------------------------------------------------------------------------------------------------------------

    /// <summary>A value is stored. Stack: location, value.</summary>
    internal void Storing(IOperation? target, ILocalSymbol? declared, ISymbol? member, SyntaxNode at, IOperation? valueOperation, bool isDeclaration)
    {
        bool local = target is null or ILocalReferenceOperation || (target is IParameterReferenceOperation p && !_walker.IsCaptured(p.Parameter));
        foreach (World w in Worlds)
        {
            Value v = w.Peek();
            Value l = w.Stack?.Next?.Value ?? Value.None;
            if (local)
            {
                if (target is IParameterReferenceOperation { Parameter: { RefKind: RefKind.Out or RefKind.Ref } byRef })
                {
                    if (v is { Kind: ValueKind.Obj, Obj: { } given })
                        Give(w, given, at, consumes: false);
                    continue;
                }

                if (l.Location is { } location && !isDeclaration)
                    Overwritten(w, location, v.Obj, at);
                continue;
            }

            if (v is not { Kind: ValueKind.Obj, Obj: { } o } || !IsCounted(o))
                continue;
            DataContract data = member is null ? DataContract.Empty : _walker.Contracts.Data(member);
            if (data.Effect == RefEffect.Borrows)
                Use(w, o, (valueOperation?.Syntax) ?? at);
            else
                Give(w, o, (valueOperation?.Syntax) ?? at, data.Effect == RefEffect.Consumes);
        }
    }

    /// <summary>A by-reference argument gets a new value.</summary>
    internal void Rebinding(World w, Obj location, CallSite site) => Overwritten(w, location, null, site.Syntax);

    private void Overwritten(World w, Obj location, Obj? by, SyntaxNode at)
    {
        if (w.Env[location.Id] is { } v ? v is not { Kind: ValueKind.Obj } : location.Kind != ObjKind.Parameter)
            return;
        Obj old = w.Read(location).Obj!;
        if (ReferenceEquals(old, by) || !IsCounted(old) || Get(w, old) is not { MayBeOwned: true } s || HasOtherHandle(w, old, location))
            return;
        Report(Descriptors.RefOverwritten, at, s, old);
        w.Refs = w.Refs.Set(old.Id, ReportedState);
    }
}
