package dev.portshim;

import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Lets hold what annotations ask for while a test method runs. What comes before it and after has its
 * ports. Without portshim the test is skipped, or fails where the system property
 * {@code portshim.required} is {@code true}.
 */
public final class PortshimExtension implements InvocationInterceptor, ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        if (Ports.loaded() || Boolean.getBoolean("portshim.required")) {
            return ConditionEvaluationResult.enabled("");
        }
        return ConditionEvaluationResult.disabled(Library.NOT_LOADED);
    }

    @Override
    public void interceptTestMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        holding(invocation, context);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        holding(invocation, context);
    }

    @Override
    public <T> T interceptTestFactoryMethod(
            Invocation<T> invocation, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        return holding(invocation, context);
    }

    @Override
    public void interceptDynamicTest(
            Invocation<Void> invocation, DynamicTestInvocationContext test, ExtensionContext context)
            throws Throwable {
        holding(invocation, context);
    }

    private static <T> T holding(Invocation<T> invocation, ExtensionContext context) throws Throwable {
        Deque<Held> all = new ArrayDeque<>();
        try {
            add(all, context, OnlyPorts.class, only -> Ports.only(only.value(), only.scopes()));
            add(all, context, ReservedPorts.class, reserved -> Ports.reserved(reserved.value(), reserved.scopes()));
            add(all, context, BlockedPorts.class, blocked -> Ports.blocked(blocked.value(), blocked.scopes()));
            add(all, context, Exhausted.class, exhausted -> Ports.exhausted(exhausted.leave(), exhausted.scopes()));
            return invocation.proceed();
        } finally {
            while (!all.isEmpty()) {
                all.pop().close();
            }
        }
    }

    private static <A extends Annotation> void add(
            Deque<Held> all, ExtensionContext context, Class<A> kind, Function<A, Held> hold) {
        Optional<A> found = Optional.empty();
        // A dynamic test has no element of its own: its factory has. A nested class lies in others.
        Optional<ExtensionContext> at = Optional.of(context);
        while (at.isPresent() && found.isEmpty()) {
            found = AnnotationSupport.findAnnotation(at.get().getElement(), kind);
            at = at.get().getParent();
        }
        found.ifPresent(annotation -> all.push(hold.apply(annotation)));
    }
}
